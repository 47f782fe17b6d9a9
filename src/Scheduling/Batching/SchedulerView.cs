using StreamDiff.Scheduling.Slo;

namespace StreamDiff.Scheduling.Batching;

/// <summary>What a policy sees when the device is free. Times are on one clock that only runs forward.</summary>
/// <param name="Now">The present.</param>
/// <param name="Streams">Streams that live, in the order in which they came.</param>
/// <param name="MaxLanes">Most rows of one tick.</param>
public sealed record SchedulerView(TimeSpan Now, IReadOnlyList<StreamView> Streams, int MaxLanes);

/// <summary>One stream.</summary>
/// <param name="Stream">Its number.</param>
/// <param name="Ready">Rows that may run now, oldest chunk first.</param>
/// <param name="Waiting">Latent frames that were collected and belong to no chunk yet.</param>
/// <param name="Steps">Denoising steps of its next chunk.</param>
/// <param name="Slo">What it is promised.</param>
/// <param name="DecodeTime">Time from the last tick of a chunk to its hand-over.</param>
/// <param name="Served">Tokens computed for it so far, divided by its weight: what fairness looks at. Who joins late starts at the least of
/// the others.</param>
/// <param name="FrameTokens">Tokens of a latent frame; 0 where not known yet.</param>
/// <param name="CachedFrames">Latent frames that its next chunk looks back on.</param>
/// <param name="IsDraining">
/// True where no new chunk will push out what is in flight: its source has ended or is held, or the next chunk waits for those before.
/// </param>
public sealed record StreamView(
    int Stream, IReadOnlyList<RowView> Ready, int Waiting, int Steps, SessionSlo Slo, TimeSpan DecodeTime, double Served,
    int FrameTokens = 0, int CachedFrames = 0, bool IsDraining = false);

/// <summary>A chunk at a step whose turn it may be.</summary>
/// <param name="Chunk">Number in its stream.</param>
/// <param name="Step">Step that it would do, from 0.</param>
/// <param name="StepsLeft">Steps to its end, this one counted.</param>
/// <param name="Frames">Latent frames.</param>
/// <param name="Arrived">When its last picture was there.</param>
/// <param name="Deadline">When its pictures must be handed over.</param>
/// <param name="CachedFrames">Latent frames that it looks back on.</param>
/// <param name="FrameTokens">Tokens of a latent frame.</param>
public readonly record struct RowView(
    long Chunk, int Step, int StepsLeft, int Frames, TimeSpan Arrived, TimeSpan Deadline, int CachedFrames, int FrameTokens);
