using StreamDiff.Pipeline.Stream;
using StreamDiff.Scheduling.Batching;

namespace StreamDiff.Pipeline.Control.Logs;

/// <summary>
/// A recorded session as a policy: the same chunks of the same frames, and the same rows together in each tick, whatever chose them then
/// and however long anything takes now. So a replay rounds as the session did.
/// </summary>
internal sealed class Recording : IBatchPolicy
{
    private readonly List<HashSet<LoggedRow>> _ticks;
    private readonly int[] _groups;
    private int _next;
    private long _end = long.MaxValue;

    /// <param name="chunks">Chunks that are run again, from the first.</param>
    /// <param name="ticks">
    /// Ticks of the session, in order; those of a ring that was lost on the way are there twice, and the later ones count.
    /// </param>
    /// <param name="isWhole">True where a chunk is one group of frames whatever its length (text-to-video).</param>
    public Recording(IReadOnlyList<LoggedChunk> chunks, IReadOnlyList<IReadOnlyList<LoggedRow>> ticks, bool isWhole)
    {
        Frames = [.. chunks.SelectMany(c => c.Sources)];
        _groups = [.. chunks.Select(
            c => c.Chunk == 0 || isWhole ? 1 : (c.Sources.Length + Chunker.FramesPerLatent - 1) / Chunker.FramesPerLatent)];
        var seen = new HashSet<LoggedRow>();
        _ticks = [];
        foreach (var tick in ticks.Reverse())
            if (tick.Where(r => r.Chunk < chunks.Count && seen.Add(r)).ToHashSet() is { Count: > 0 } rows)
                _ticks.Add(rows);
        _ticks.Reverse();
        var newest = 0L;
        foreach (var row in _ticks.SelectMany(t => t))
        {
            newest = Math.Max(newest, row.Chunk);
            MostInFlight = Math.Max(MostInFlight, (int)(newest - row.Chunk) + 1);
        }
    }

    /// <summary>Numbers of the source's frames that the session took, rising.</summary>
    public IReadOnlyList<long> Frames { get; }

    public string Name => "recorded";

    public bool NeedsTimes => false;

    /// <summary>Groups of frames that a chunk was made of.</summary>
    public int Groups(long chunk) => chunk < _groups.Length ? _groups[chunk] : 1;

    /// <summary>
    /// Chunks of which some step but not all were issued at the same time, at most: a ring has more of them than one device.
    /// </summary>
    public int MostInFlight { get; }

    /// <summary>Most groups of a chunk.</summary>
    public int MostGroups => _groups.DefaultIfEmpty(1).Max();

    /// <summary>
    /// True where nothing but a tick changes what is ready: no step is under way, no chunk can be admitted. A recorded tick that asks for
    /// more then, which only a damaged log does, will never come.
    /// </summary>
    public bool IsAtRest { get; set; }

    /// <summary>The source holds only so many of the chunks.</summary>
    public void End(long chunks) => _end = chunks;

    public TickDecision Next(SchedulerView view)
    {
        if (view.Streams is not [var stream])
            return TickDecision.Idle;
        for (; _next < _ticks.Count; _next++)
        {
            _ticks[_next].RemoveWhere(r => r.Chunk >= _end);
            if (_ticks[_next].Count > 0)
                return Together(stream);
        }
        // A log that was cut off says nothing of its last ticks.
        return stream.Ready.Count > 0
            ? TickDecision.Run(FixedStreamBatch.Together(stream, view.MaxLanes), "not recorded")
            : TickDecision.Idle;
    }

    // As in the session only when all of them are ready.
    private TickDecision Together(StreamView stream)
    {
        var rows = new List<(int, int)>();
        for (var i = 0; i < stream.Ready.Count; i++)
            if (_ticks[_next].Contains(new LoggedRow(stream.Ready[i].Chunk, stream.Ready[i].Step)))
                rows.Add((stream.Stream, i));
        if (rows.Count < _ticks[_next].Count && !(IsAtRest && stream.Ready.Count > 0))
            return TickDecision.Idle;
        var isWhole = rows.Count == _ticks[_next++].Count;
        return isWhole ? TickDecision.Run(rows, "recorded") : TickDecision.Run([(stream.Stream, 0)], "not as recorded");
    }
}
