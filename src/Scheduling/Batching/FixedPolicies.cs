namespace StreamDiff.Scheduling.Batching;

/// <summary>
/// The published stream batch: a stream runs when a new chunk has come, all its steps together; what is in flight waits for the next
/// chunk, where one will come. The first chunk waits for nothing. What runs together depends on the chunks alone, not on the clock. For
/// files, and live runs without a deadline.
/// </summary>
public sealed class FixedStreamBatch : IBatchPolicy
{
    public string Name => "stream-batch";

    public bool NeedsTimes => false;

    public TickDecision Next(SchedulerView view)
    {
        var fed = view.Streams.Where(s => s.Ready.Any(IsFed)).OrderBy(s => s.Ready.Where(IsFed).Min(r => r.Arrived)).FirstOrDefault();
        if (fed is not null)
            return TickDecision.Run(Together(fed, view.MaxLanes), "a chunk has come");
        var left = view.Streams.Where(s => s.IsDraining && s.Ready.Count > 0).OrderBy(s => s.Ready.Min(r => r.Arrived)).FirstOrDefault();
        if (left is not null)
            return TickDecision.Run(Together(left, view.MaxLanes), "nothing comes that would push it out");
        var waits = view.Streams.Any(s => s.Ready.Count > 0);
        return waits ? TickDecision.Idle with { Reason = "waiting for the next chunk" } : TickDecision.Idle;
    }

    // The first chunk goes through all its steps at once, as the published system begins.
    private static bool IsFed(RowView row) => row.Step == 0 || row.Chunk == 0;

    /// <summary>Of a stream's ready rows one for each step, those of the same length as the first.</summary>
    public static IReadOnlyList<(int Stream, int Row)> Together(StreamView stream, int most)
    {
        var frames = stream.Ready[0].Frames;
        return [.. stream.Ready.Select((row, i) => (row, i)).Where(r => r.row.Frames == frames).DistinctBy(r => r.row.Step).Take(most)
            .Select(r => (stream.Stream, r.i))];
    }
}

/// <summary>The published sequential mode: the oldest chunk does all its steps, one after the other, before the next one begins.</summary>
public sealed class FixedSequential : IBatchPolicy
{
    public string Name => "sequential";

    public bool NeedsTimes => false;

    public TickDecision Next(SchedulerView view)
    {
        // A chunk that has begun is finished first.
        var oldest = view.Streams.SelectMany(s => s.Ready.Select((row, i) => (s.Stream, Row: i, row)))
            .OrderBy(c => c.row.Step == 0).ThenBy(c => c.row.Arrived).Select(c => ((int Stream, int Row)?)(c.Stream, c.Row))
            .FirstOrDefault();
        return oldest is { } row ? TickDecision.Run([row], "oldest chunk") : TickDecision.Idle;
    }
}

/// <summary>
/// What the published code has: the stream batch; the sequential mode while a chunk has waited for half a second or longer; and, once,
/// chunks of twice the length when the target rate is missed. For comparison.
/// </summary>
public sealed class PublishedSwitch : IBatchPolicy
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(0.5);
    private static readonly TimeSpan WarmUp = TimeSpan.FromSeconds(3);
    private const int GrownChunk = 2;

    private readonly FixedStreamBatch _batch = new();
    private readonly FixedSequential _sequential = new();
    private readonly Dictionary<int, (TimeSpan Begun, bool Grown)> _streams = [];

    public string Name => "published";

    public TickDecision Next(SchedulerView view)
    {
        var waits = view.Streams.SelectMany(s => s.Ready).Any(r => r.Step == 0 && view.Now - r.Arrived >= Patience);
        var decision = waits ? _sequential.Next(view) : _batch.Next(view);
        return decision with { ChunkFrames = Grown(view) };
    }

    private Dictionary<int, int> Grown(SchedulerView view)
    {
        var frames = new Dictionary<int, int>();
        foreach (var stream in view.Streams)
        {
            var state = _streams.TryGetValue(stream.Stream, out var known) ? known : (Begun: view.Now, Grown: false);
            // The rate is missed when frames pile up.
            _streams[stream.Stream] = state = state with
            {
                Grown = state.Grown || (view.Now - state.Begun > WarmUp && stream.Waiting >= GrownChunk),
            };
            if (state.Grown && stream.Waiting >= GrownChunk)
                frames[stream.Stream] = GrownChunk;
        }
        return frames;
    }
}
