namespace StreamDiff.Models.KvCache;

/// <summary>What one lane does in one tick, as far as the host can know it beforehand.</summary>
/// <param name="Position">Absolute position of the first new token.</param>
/// <param name="Tokens">New tokens.</param>
/// <param name="Full">True when a slot is overwritten, false when the cache still grows.</param>
/// <param name="LocalEnd">Valid tokens after the write: what the new tokens attend to.</param>
/// <param name="ChecksSinks">True when the sinks are compared with the new chunk, which may redirect the write.</param>
/// <param name="Repeats">True when the chunk that the lane saw last is written once more, over itself.</param>
public readonly record struct LaneStep(long Position, int Tokens, bool Full, int LocalEnd, bool ChecksSinks, bool Repeats = false)
{
    public long End => Position + Tokens;
}

/// <summary>
/// Bookkeeping of one cache lane, in integers on the host: how much of it is valid and, for every block, what is overwritten next. The
/// arithmetic is the same for all blocks but for the sink refresh, which looks at a block's keys; its outcome is given to
/// <see cref="Commit"/> after the tick.
/// Spec: StreamDiffusionV2 (arXiv 2511.07399), sink-token guided rolling KV cache.
/// </summary>
public sealed partial class CacheLane
{
    /// <summary>In <see cref="Commit"/>: the block kept its sinks.</summary>
    public const int NoRefresh = -1;

    private readonly CacheGeometry _geometry;
    private readonly List<EvictionQueue> _queues = [];
    private readonly List<StreamingSlots> _streaming = [];
    private readonly StreamingSlots? _noStreaming;
    private int _visitsPerEviction = 1;
    private int _visitsLeft = 1;

    public CacheLane(CacheGeometry geometry, int blocks)
        : this(geometry, blocks, null)
    {
    }

    /// <param name="geometry">Sizes.</param>
    /// <param name="blocks">Number of blocks.</param>
    /// <param name="streaming">What streaming heads of an empty lane hold; null where heads are not split.</param>
    internal CacheLane(CacheGeometry geometry, int blocks, StreamingSlots? streaming)
    {
        _geometry = geometry.Checked();
        _noStreaming = streaming;
        for (var i = 0; i < blocks; i++)
        {
            _queues.Add(new EvictionQueue());
            _written.Add([]);
            if (streaming is not null)
                _streaming.Add(streaming);
        }
    }

    /// <summary>Valid tokens.</summary>
    public int LocalEnd { get; private set; }

    /// <summary>Absolute position after the newest token.</summary>
    public long GlobalEnd { get; private set; }

    /// <summary>The eviction queue of a block.</summary>
    public EvictionQueue Queue(int block) => _queues[block];

    /// <summary>What the streaming heads of a block hold; for lanes whose heads are split.</summary>
    internal StreamingSlots Streaming(int block) => _streaming[block];

    /// <summary>A step has been done that streaming heads of a block took part in.</summary>
    internal void CommitStreaming(int block, StreamingSlots after) => _streaming[block] = after;

    /// <summary>What the write of a row will do.</summary>
    /// <exception cref="ModelException">The chunk does not fit into the cache, or does not follow.</exception>
    internal LaneStep Plan(in TickRow row, int tokens)
    {
        if (row.SinkFrames is { } sinks)
            KeepSinks(sinks);
        if (RollsByFrame)
            return row.Visit > 0 ? PlanAgain(row.Position, tokens) : Plan(row.Position, tokens);
        // Slots of whole chunks: how many writes into a full lane share one.
        if (row.Visits != _visitsPerEviction)
            (_visitsPerEviction, _visitsLeft) = (row.Visits, row.Visits);
        return Plan(row.Position, tokens);
    }

    /// <summary>What a write of new tokens will do; changes nothing.</summary>
    /// <exception cref="ModelException">The chunk does not fit into the cache.</exception>
    public LaneStep Plan(long position, int tokens)
    {
        if (tokens < 1 || tokens > _geometry.Capacity)
            throw new ModelException(
                $"a chunk of {tokens} tokens does not fit into a KV cache of {_geometry.Capacity}: use a larger window or fewer frames "
                    + "per chunk");
        var end = position + tokens;
        var full = end > _geometry.Capacity || LocalEnd >= _geometry.Capacity;
        var localEnd = full ? _geometry.Capacity : checked((int)(LocalEnd + end - GlobalEnd));
        if (localEnd < tokens || localEnd > _geometry.Capacity)
            throw new ModelException($"a chunk at token {position} does not follow the cache, which ends at token {GlobalEnd}");
        return new LaneStep(position, tokens, full, localEnd, _geometry.Adaptive && tokens <= _geometry.FrameTokens);
    }

    /// <summary>End of the slot that a planned step writes in a block, unless the sink refresh redirects it.</summary>
    public int WriteEnd(in LaneStep step, int block)
    {
        if (!step.Full)
            return step.LocalEnd;
        if (step.Repeats)
            return _written[block][^1];
        var queue = _queues[block];
        return queue.Count > 0 ? queue.Front : FirstSlot(step.Tokens);
    }

    /// <summary>The step has been done.</summary>
    /// <param name="step">As planned.</param>
    /// <param name="refreshedSinks">Per block the sink that was refreshed, or <see cref="NoRefresh"/>; empty when no block looked.</param>
    public void Commit(in LaneStep step, ReadOnlySpan<int> refreshedSinks)
    {
        if (RollsByFrame)
        {
            CommitFrames(step, refreshedSinks);
            return;
        }
        var evicts = step.Full && _visitsLeft <= 1;
        for (var block = 0; block < _queues.Count; block++)
        {
            var queue = _queues[block];
            if (step.Full && queue.Count == 0)
                FillQueue(queue, step.Tokens);
            if (!refreshedSinks.IsEmpty && refreshedSinks[block] != NoRefresh)
                queue.PutFirst((refreshedSinks[block] + 1) * _geometry.FrameTokens);
            if (evicts)
                queue.Advance(_geometry.SinkTokens);
            else if (!step.Full)
                AnnounceNextSlot(queue, step);
        }

        if (step.Full)
            _visitsLeft = evicts ? _visitsPerEviction : _visitsLeft - 1;
        LocalEnd = step.LocalEnd;
        GlobalEnd = step.End;
    }

    /// <summary>A block joins at one end, with its queue, what it wrote last and what its streaming heads hold as they were
    /// elsewhere.</summary>
    internal void AddBlock(bool first, IEnumerable<int> ends, IEnumerable<int> written, IReadOnlyList<int> streaming)
    {
        var held = _noStreaming?.Restored(streaming, _geometry.WindowFrames);
        var queue = new EvictionQueue();
        foreach (var end in ends)
            queue.Restore(end);
        var at = first ? 0 : _queues.Count;
        _queues.Insert(at, queue);
        _written.Insert(at, [.. written]);
        if (held is not null)
            _streaming.Insert(at, held);
    }

    /// <summary>A block leaves at one end.</summary>
    internal void RemoveBlock(bool first)
    {
        var at = first ? 0 : _queues.Count - 1;
        _queues.RemoveAt(at);
        _written.RemoveAt(at);
        if (_noStreaming is not null)
            _streaming.RemoveAt(at);
    }

    public void CopyFrom(CacheLane other)
    {
        for (var block = 0; block < _queues.Count; block++)
        {
            _queues[block].CopyFrom(other._queues[block]);
            _written[block] = other._written[block];
            if (_noStreaming is not null)
                _streaming[block] = other._streaming[block];
        }
        _sinkFrames = other._sinkFrames;
        _wasFull = other._wasFull;
        LocalEnd = other.LocalEnd;
        GlobalEnd = other.GlobalEnd;
    }

    /// <summary>The same once more, by itself.</summary>
    internal CacheLane Copied()
    {
        var copy = new CacheLane(_geometry, _queues.Count, _noStreaming) { RollsByFrame = RollsByFrame };
        copy.Become(this);
        return copy;
    }

    /// <summary>All of another lane of the same geometry, which is the same stream's elsewhere or before.</summary>
    internal void Become(CacheLane other)
    {
        CopyFrom(other);
        (_visitsPerEviction, _visitsLeft) = (other._visitsPerEviction, other._visitsLeft);
    }

    public void Clear()
    {
        foreach (var queue in _queues)
            queue.Clear();
        for (var block = 0; block < _streaming.Count; block++)
            _streaming[block] = _noStreaming!;
        _sinkFrames = null;
        LocalEnd = 0;
        GlobalEnd = 0;
        (_visitsPerEviction, _visitsLeft, _wasFull) = (1, 1, false);
    }

    // While the cache grows, the slot after this chunk is queued ahead of its being written.
    private void AnnounceNextSlot(EvictionQueue queue, in LaneStep step)
    {
        var next = step.End + step.Tokens;
        if (next > _geometry.SinkTokens && next <= _geometry.Capacity)
            queue.Append((int)next);
    }

    // A first chunk as long as the cache leaves nothing queued: its part beyond the sinks starts to roll.
    private void FillQueue(EvictionQueue queue, int tokens)
    {
        for (var end = FirstSlot(tokens); end <= _geometry.Capacity; end += tokens)
            queue.Append(end);
    }

    private int FirstSlot(int tokens) => Math.Min(SinkTokens + tokens, _geometry.Capacity);
}
