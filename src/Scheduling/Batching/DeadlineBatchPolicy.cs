using StreamDiff.Scheduling.Latency;

namespace StreamDiff.Scheduling.Batching;

/// <summary>
/// Earliest deadline first, and together with the most urgent row whatever makes the tick cheaper than a tick of its own later, as long as nobody's deadline breaks
/// by it. Where rows cost as much together as alone (a CPU) that is one chunk's steps one after the other, at the lowest latency; where weights or launches dominate
/// (a GPU) it is the stream batch, or lanes of several streams. Nothing waits while something could run.
/// </summary>
/// <param name="model">Predicts ticks; corrected by whoever runs them.</param>
/// <param name="options">Constants.</param>
public sealed class DeadlineBatchPolicy(LatencyModel model, DeadlineBatchOptions? options = null) : IBatchPolicy
{
    private readonly DeadlineBatchOptions _options = options ?? new();

    public string Name => "deadline";

    public TickDecision Next(SchedulerView view)
    {
        var candidates = Candidates(view);
        var chunks = ChunkFrames(view);
        if (candidates.Count == 0)
            return TickDecision.Idle with { ChunkFrames = chunks };

        var first = candidates[0];
        var batch = new List<Candidate> { first };
        var time = Predict(batch);
        foreach (var next in candidates.Skip(1))
        {
            if (batch.Count >= view.MaxLanes)
                break;
            if (next.Row.Frames != first.Row.Frames || next.Row.FrameTokens != first.Row.FrameTokens)
                continue;
            batch.Add(next);
            var longer = Predict(batch);
            // Worth it when the row costs less here than by itself, and the rows that were there still arrive.
            var saves = longer - time < _options.WorthSharing * Predict([next]);
            if (saves && batch.Take(batch.Count - 1).All(c => Arrives(view.Now, c, longer) || !Arrives(view.Now, c, time)))
                time = longer;
            else
                batch.RemoveAt(batch.Count - 1);
        }
        return new TickDecision([.. batch.Select(c => (c.Stream.Stream, c.Index))], chunks, null,
            batch.Count == 1 ? "most urgent" : $"most urgent and {batch.Count - 1} that cost less with it");
    }

    // In time by deadline; then, fairly, those that are late already. A late stream that has had less than its share goes before all.
    private List<Candidate> Candidates(SchedulerView view)
    {
        var all = new List<Candidate>();
        foreach (var stream in view.Streams)
            for (var i = 0; i < stream.Ready.Count; i++)
                all.Add(new Candidate(stream, i, stream.Ready[i]));
        if (all.Count < 2)
            return all;
        var fair = all.Select(c => c.Stream).Distinct().Average(s => s.Served);
        return
        [
            .. all.Select(c => (Candidate: c, Rank: Rank(view.Now, c, fair)))
                .OrderBy(c => c.Rank)
                .ThenBy(c => c.Rank == InTime ? c.Candidate.Row.Deadline.Ticks : 0)
                .ThenBy(c => c.Rank == InTime ? 0 : c.Candidate.Stream.Served)
                .ThenBy(c => c.Candidate.Row.Deadline).ThenBy(c => c.Candidate.Stream.Stream).ThenBy(c => c.Candidate.Row.Chunk)
                .Select(c => c.Candidate),
        ];
    }

    private const int Owed = 0;
    private const int InTime = 1;
    private const int Late = 2;

    private int Rank(TimeSpan now, Candidate c, double fair)
    {
        if (Arrives(now, c, Predict([c])))
            return InTime;
        return c.Stream.Served <= fair ? Owed : Late;
    }

    // True when a row that runs in a tick of this length can still be handed over in time, the rest of its steps each in a tick of its own.
    private bool Arrives(TimeSpan now, Candidate c, TimeSpan tick) =>
        now + tick + (c.Row.StepsLeft - 1) * Predict([c]) + c.Stream.DecodeTime <= c.Row.Deadline;

    // More latent frames to a chunk only for a stream that is behind, no more than are there, and only where that is faster by the frame.
    private Dictionary<int, int> ChunkFrames(SchedulerView view)
    {
        var frames = new Dictionary<int, int>();
        foreach (var stream in view.Streams)
        {
            var most = Math.Min(stream.Waiting, _options.MostChunkFrames);
            if (most < 2 || stream.Ready.Count == 0 && stream.Waiting < 2)
                continue;
            var (rowTokens, cached) = stream.Ready.Count > 0 ? (stream.Ready[0].FrameTokens, stream.Ready[0].CachedFrames) : (stream.FrameTokens, stream.CachedFrames);
            if (rowTokens == 0)
                continue;
            var best = 1;
            var perFrame = model.Predict(new TickShape(1, 1, rowTokens, cached)).TotalSeconds;
            for (var t = 2; t <= most; t++)
            {
                var seconds = model.Predict(new TickShape(1, t, rowTokens, cached)).TotalSeconds;
                if (seconds / t >= _options.WorthGrowing * perFrame || seconds * stream.Steps + stream.DecodeTime.TotalSeconds > stream.Slo.Deadline.TotalSeconds)
                    break;
                (best, perFrame) = (t, seconds / t);
            }
            if (best > 1)
                frames[stream.Stream] = best;
        }
        return frames;
    }

    private TimeSpan Predict(IReadOnlyList<Candidate> rows) =>
        model.Predict(new TickShape(rows.Count, rows[0].Row.Frames, rows[0].Row.FrameTokens, (int)Math.Round(rows.Average(r => r.Row.CachedFrames))));

    private readonly record struct Candidate(StreamView Stream, int Index, RowView Row);
}

/// <summary>Constants of <see cref="DeadlineBatchPolicy"/>.</summary>
public sealed record DeadlineBatchOptions
{
    /// <summary>A row joins a tick when it adds less than this share of what it costs alone. Default 0.92: what is saved must be more than the model's error.</summary>
    public double WorthSharing { get; init; } = 0.92;

    /// <summary>A chunk grows when a frame costs less than this share of what it did. Default 0.95.</summary>
    public double WorthGrowing { get; init; } = 0.95;

    /// <summary>Most latent frames of a chunk. Default 2: more would wait longer than they save.</summary>
    public int MostChunkFrames { get; init; } = 2;
}
