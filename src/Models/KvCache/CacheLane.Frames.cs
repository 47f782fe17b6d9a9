namespace StreamDiff.Models.KvCache;

/// <summary>
/// Lanes whose chunks change their length: every frame is a slot of its own, so that a chunk of several frames goes first into what is
/// still free and then over the oldest frames, wherever they lie. For chunks of one frame the order is the published one, but for one
/// thing: there the first frame after the sinks stays for ever when the first chunk ends before it.
/// </summary>
public sealed partial class CacheLane
{
    // By block, the ends of the slots that the last chunk was written to, in the order of time: where its next step on this lane goes.
    private readonly List<int[]> _written = [];
    private bool _wasFull;

    /// <summary>True for lanes whose slots are single frames.</summary>
    internal bool RollsByFrame { get; init; }

    /// <summary>Ends of the slots that the last chunk was written to in a block.</summary>
    internal IReadOnlyList<int> Written(int block) => _written[block];

    // Sinks are looked at by a chunk's first step: what it decided holds for the others.
    private LaneStep PlanAgain(long position, int tokens) => position + tokens == GlobalEnd
        ? new LaneStep(position, tokens, _wasFull, LocalEnd, ChecksSinks: false, Repeats: true)
        : throw new ModelException($"a step at token {position} does not repeat the chunk that the cache ends with, at token {GlobalEnd}");

    /// <summary>Ends of the slots that a full step of several frames writes in a block, in the order of time.</summary>
    internal int[] FrameEnds(in LaneStep step, int block)
    {
        if (step.Repeats)
            return _written[block];
        var frames = step.Tokens / _geometry.FrameTokens;
        var ends = new List<int>(frames);
        for (var end = LocalEnd + _geometry.FrameTokens; end <= _geometry.Capacity && ends.Count < frames; end += _geometry.FrameTokens)
            ends.Add(end);
        foreach (var end in _queues[block].Ends)
            if (ends.Count < frames && !ends.Contains(end))
                ends.Add(end);
        if (ends.Count < frames)
            throw new ModelException(
                $"a chunk of {frames} latent frames does not fit into a KV cache of {_geometry.WindowFrames} frames with "
                    + $"{_geometry.SinkFrames} sinks: use a larger window or fewer frames per chunk");
        return [.. ends];
    }

    private void CommitFrames(in LaneStep step, ReadOnlySpan<int> refreshedSinks)
    {
        if (step.Repeats)
            return;
        for (var block = 0; block < _queues.Count; block++)
        {
            var queue = _queues[block];
            var written = step.Full && step.Tokens > _geometry.FrameTokens ? FrameEnds(step, block) : null;
            if (!refreshedSinks.IsEmpty && refreshedSinks[block] != NoRefresh)
                queue.PutFirst((refreshedSinks[block] + 1) * _geometry.FrameTokens);
            _written[block] = written ?? [step.Full ? queue.Front : step.LocalEnd];
            if (written is not null)
                queue.Rewritten(written, SinkTokens);
            else if (step.Full)
                queue.Advance(SinkTokens);
            else
                AnnounceFrames(queue, step.LocalEnd);
        }
        _wasFull = step.Full;
        LocalEnd = step.LocalEnd;
        GlobalEnd = step.End;
    }

    // As far as the frame after the newest, as the published arithmetic does.
    private void AnnounceFrames(EvictionQueue queue, int localEnd)
    {
        for (var end = SinkTokens
            + _geometry.FrameTokens; end <= Math.Min(localEnd + _geometry.FrameTokens, _geometry.Capacity); end += _geometry.FrameTokens)
            if (!queue.Ends.Contains(end))
                queue.Append(end);
    }
}
