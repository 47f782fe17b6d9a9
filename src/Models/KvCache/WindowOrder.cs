namespace StreamDiff.Models.KvCache;

/// <summary>
/// The place of each frame slot in the window, for keys that are rotated when they are read: sinks and frames that never roll first, then
/// the rolling frames from the oldest to the newest, the chunk being written last. Places are 0, 1, 2, … without gaps, however the slots
/// lie in memory.
/// </summary>
public static class WindowOrder
{
    /// <summary>Fills <paramref name="places"/> with one place per slot; slots that are not valid yet get their own index.</summary>
    /// <param name="geometry">Sizes of the cache.</param>
    /// <param name="queue">Eviction queue before the write.</param>
    /// <param name="step">The step being done.</param>
    /// <param name="writeEnd">End of the slot being written, in tokens.</param>
    /// <param name="places">One value per slot of the window.</param>
    public static void Fill(in CacheGeometry geometry, EvictionQueue queue, in LaneStep step, int writeEnd, Span<short> places)
    {
        for (var slot = 0; slot < places.Length; slot++)
            places[slot] = (short)slot;
        // While it grows, the cache lies in memory in the order of time.
        if (!step.Full)
            return;

        var frame = geometry.FrameTokens;
        Range written = ((writeEnd - step.Tokens) / frame)..(writeEnd / frame);
        Span<bool> rolls = stackalloc bool[places.Length];
        foreach (var end in queue.Ends)
            if (end > geometry.SinkTokens)
                rolls[(Math.Max(end - step.Tokens, 0) / frame)..(end / frame)].Fill(true);
        rolls[written].Fill(true);

        short place = 0;
        for (var slot = 0; slot < places.Length; slot++)
            if (!rolls[slot])
                places[slot] = place++;
        foreach (var end in queue.Ends)
        {
            // A slot queued twice, or the one being written, is counted once.
            for (var slot = Math.Max(end - step.Tokens, 0) / frame; slot < end / frame; slot++)
            {
                if (!rolls[slot] || (slot >= written.Start.Value && slot < written.End.Value))
                    continue;
                places[slot] = place++;
                rolls[slot] = false;
            }
        }
        for (var slot = written.Start.Value; slot < written.End.Value; slot++)
            places[slot] = place++;
    }

    /// <summary>The same for a full window of single-frame slots of which several are written at once.</summary>
    /// <param name="geometry">Sizes of the cache.</param>
    /// <param name="queue">Eviction queue before the write.</param>
    /// <param name="written">Ends of the slots being written, in the order of time.</param>
    /// <param name="places">One value per slot of the window.</param>
    internal static void Fill(in CacheGeometry geometry, EvictionQueue queue, ReadOnlySpan<int> written, Span<short> places)
    {
        Span<bool> rolls = stackalloc bool[places.Length];
        foreach (var end in queue.Ends)
            if (end > geometry.SinkTokens)
                rolls[end / geometry.FrameTokens - 1] = true;
        foreach (var end in written)
            rolls[end / geometry.FrameTokens - 1] = true;
        short place = 0;
        for (var slot = 0; slot < places.Length; slot++)
            if (!rolls[slot])
                places[slot] = place++;
        foreach (var end in queue.Ends)
            if (end > geometry.SinkTokens && !written.Contains(end))
                places[end / geometry.FrameTokens - 1] = place++;
        foreach (var end in written)
            places[end / geometry.FrameTokens - 1] = place++;
    }
}
