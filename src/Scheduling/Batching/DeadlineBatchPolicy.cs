using StreamDiff.Scheduling.Latency;

namespace StreamDiff.Scheduling.Batching;

/// <summary>
/// Earliest deadline first, and together with the most urgent row whatever makes the tick cheaper than a tick of its own later, as long as
/// nobody's deadline breaks by it. Where rows cost as much together as alone (a CPU) that is one chunk's steps one after the other, at the
/// lowest latency; where weights or launches dominate (a GPU) it is the stream batch, or lanes of several streams. Nothing waits while
/// something could run.
/// </summary>
/// <param name="model">Predicts ticks; corrected by whoever runs them.</param>
/// <param name="options">Constants.</param>
public sealed class DeadlineBatchPolicy(LatencyModel model, DeadlineBatchOptions? options = null) : IBatchPolicy
{
    private readonly DeadlineBatchOptions _options = options ?? new();

    private const int FramesPerLatent = 4;

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

    // Streams in time by deadline; then, fairly, those that are late already. A late stream that has had less than its share goes before
    // all. What a stream is, its oldest chunk says: the ones behind it cannot overtake it.
    private List<Candidate> Candidates(SchedulerView view)
    {
        var streams = view.Streams.Where(s => s.Ready.Count > 0).ToArray();
        if (streams.Length == 0)
            return [];
        var fair = streams.Average(s => s.Served);
        return
        [
            .. streams.SelectMany(s =>
                {
                    var oldest = s.Ready.MinBy(r => r.Chunk);
                    var rank = Rank(view.Now, new Candidate(s, 0, oldest), fair);
                    return s.Ready.Select((row, i) => (Candidate: new Candidate(s, i, row), Rank: rank));
                })
                .OrderBy(c => c.Rank)
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

    // True when a row that runs in a tick of this length can still be handed over in time. The ticks of its other steps will be shared as
    // this one is.
    private static bool Arrives(TimeSpan now, Candidate c, TimeSpan tick) =>
        now + c.Row.StepsLeft * tick + c.Stream.DecodeTime <= c.Row.Deadline;

    // More latent frames to a chunk only for a stream that is behind, no more than are there, and only where that is faster by the frame.
    // None while so much is in flight that it could not be in time: a newer one may, when there is room.
    private Dictionary<int, int> ChunkFrames(SchedulerView view)
    {
        var frames = new Dictionary<int, int>();
        var inFlight = InFlight(view);
        foreach (var stream in view.Streams)
        {
            if (stream.FrameTokens == 0 || stream.Waiting == 0)
                continue;
            // Its first picture is as old as a chunk is long.
            var left = stream.Slo.Deadline - TimeSpan.FromSeconds(FramesPerLatent / stream.Slo.TargetFps) - stream.DecodeTime;
            if (stream.Ready.Count > 0 && inFlight + stream.Steps * Alone(stream, 1) > left)
                frames[stream.Stream] = 0;
            else if (Grown(stream) is > 1 and var grown)
                frames[stream.Stream] = grown;
        }
        return frames;
    }

    private int Grown(StreamView stream)
    {
        var best = 1;
        var perFrame = Alone(stream, 1);
        for (var t = 2; t <= Math.Min(stream.Waiting, _options.MostChunkFrames); t++)
        {
            var time = Alone(stream, t);
            if (time / t >= _options.WorthGrowing * perFrame || time * stream.Steps + stream.DecodeTime > stream.Slo.Deadline)
                break;
            (best, perFrame) = (t, time / t);
        }
        return best;
    }

    // Time of everything that has begun, in ticks as full as it can make them.
    private TimeSpan InFlight(SchedulerView view)
    {
        var rows = view.Streams.SelectMany(s => s.Ready).ToArray();
        if (rows.Length == 0)
            return TimeSpan.Zero;
        var shape = new TickShape(Math.Min(rows.Length, view.MaxLanes), rows[0].Frames, rows[0].FrameTokens, rows[0].CachedFrames);
        return model.Predict(shape) / shape.Lanes * rows.Sum(r => r.StepsLeft);
    }

    private TimeSpan Alone(StreamView stream, int frames) =>
        model.Predict(new TickShape(1, frames, stream.FrameTokens, stream.CachedFrames));

    private TimeSpan Predict(IReadOnlyList<Candidate> rows) =>
        model.Predict(
            new TickShape(rows.Count, rows[0].Row.Frames, rows[0].Row.FrameTokens, (int)Math.Round(rows.Average(r => r.Row.CachedFrames))));

    private readonly record struct Candidate(StreamView Stream, int Index, RowView Row);
}

/// <summary>Constants of <see cref="DeadlineBatchPolicy"/>.</summary>
public sealed record DeadlineBatchOptions
{
    /// <summary>
    /// A row joins a tick when it adds less than this share of what it costs alone. Default 0.92: what is saved must be more than the
    /// model's error.
    /// </summary>
    public double WorthSharing { get; init; } = 0.92;

    /// <summary>A chunk grows when a frame costs less than this share of what it did. Default 0.95.</summary>
    public double WorthGrowing { get; init; } = 0.95;

    /// <summary>Most latent frames of a chunk. Default 2: more would wait longer than they save.</summary>
    public int MostChunkFrames { get; init; } = 2;
}
