namespace StreamDiff.Models.KvCache;

/// <summary>
/// Lanes whose chunks change their length: every frame is a slot of its own, so that a chunk of several frames goes first into what is still free and then over the
/// oldest frames, wherever they lie. For chunks of one frame the order is the published one, but for one thing: there the first frame after the sinks stays for ever when
/// the first chunk ends before it.
/// </summary>
public sealed partial class CacheLane
{
    /// <summary>True for lanes whose slots are single frames.</summary>
    internal bool RollsByFrame { get; set; }

    /// <summary>Ends of the slots that a full step of several frames writes in a block, in the order of time.</summary>
    internal int[] FrameEnds(in LaneStep step, int block)
    {
        var frames = step.Tokens / _geometry.FrameTokens;
        var ends = new List<int>(frames);
        for (var end = LocalEnd + _geometry.FrameTokens; end <= _geometry.Capacity && ends.Count < frames; end += _geometry.FrameTokens)
            ends.Add(end);
        foreach (var end in _queues[block].Ends)
            if (ends.Count < frames && !ends.Contains(end))
                ends.Add(end);
        if (ends.Count < frames)
            throw new ModelException(
                $"a chunk of {frames} latent frames does not fit into a KV cache of {_geometry.WindowFrames} frames with {_geometry.SinkFrames} sinks: use a larger window or fewer frames per chunk");
        return [.. ends];
    }

    private void CommitFrames(in LaneStep step, ReadOnlySpan<int> refreshedSinks)
    {
        for (var block = 0; block < _queues.Count; block++)
        {
            var queue = _queues[block];
            var written = step.Full && step.Tokens > _geometry.FrameTokens ? FrameEnds(step, block) : null;
            if (!refreshedSinks.IsEmpty && refreshedSinks[block] != NoRefresh)
                queue.PutFirst((refreshedSinks[block] + 1) * _geometry.FrameTokens);
            if (written is not null)
                queue.Rewritten(written, SinkTokens);
            else if (step.Full)
                queue.Advance(SinkTokens);
            else
                AnnounceFrames(queue, step.LocalEnd);
        }
        LocalEnd = step.LocalEnd;
        GlobalEnd = step.End;
    }

    // As far as the frame after the newest, as the published arithmetic does.
    private void AnnounceFrames(EvictionQueue queue, int localEnd)
    {
        for (var end = SinkTokens + _geometry.FrameTokens; end <= Math.Min(localEnd + _geometry.FrameTokens, _geometry.Capacity); end += _geometry.FrameTokens)
            if (!queue.Ends.Contains(end))
                queue.Append(end);
    }
}
