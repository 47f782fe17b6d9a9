namespace StreamDiff.Models.KvCache;

/// <summary>Lanes that keep fewer sinks than their cache has room for, another number from chunk to chunk.</summary>
public sealed partial class CacheLane
{
    private int? _sinkFrames;

    /// <summary>Frames at the lane's start that are kept; the geometry's own unless <see cref="KeepSinks"/> said otherwise.</summary>
    public int SinkFrames => _sinkFrames ?? _geometry.SinkFrames;

    private int SinkTokens => SinkFrames * _geometry.FrameTokens;

    /// <summary>
    /// From the next step on so many frames are kept. Frames that are sinks no more are the oldest of those that roll; those that become
    /// sinks stay as they are.
    /// </summary>
    /// <exception cref="ModelException">The cache has not so many.</exception>
    internal void KeepSinks(int frames)
    {
        if (frames == SinkFrames)
            return;
        if (frames < 0 || frames > _geometry.SinkFrames || !RollsByFrame)
            throw new ModelException($"this cache keeps up to {_geometry.SinkFrames} sinks, not {frames}");
        var (before, after, frame) = (SinkTokens, frames * _geometry.FrameTokens, _geometry.FrameTokens);
        foreach (var queue in _queues)
        {
            // From the youngest to the oldest, each put before the others. What has not been written yet is queued when it is its turn.
            for (var end = Math.Min(before, LocalEnd / frame * frame); end > after; end -= frame)
                if (!queue.Ends.Contains(end))
                    queue.PutFirst(end);
            for (var end = before + frame; end <= after; end += frame)
                queue.Remove(end);
        }
        _sinkFrames = frames;
    }
}
