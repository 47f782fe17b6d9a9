namespace StreamDiff.Models.KvCache;

/// <summary>What ticks do to the shorter caches of streaming heads: it follows from what they do to the whole window.</summary>
public sealed partial class KvCachePool
{
    private StreamingPlan PlanStreaming(
        ReadOnlySpan<TickRow> rows, LaneStep[] steps, int[][] ends, int[]?[][]? frameEnds, WindowPlaces whole)
    {
        var split = _config.HeadSplit!;
        var (window, held, first) = (Geometry.WindowFrames, _streamingFrames, _streaming!.First);
        var writes = new StreamingWrite[_blocks.Count][][];
        for (var block = 0; block < writes.Length; block++)
        {
            // Blocks that have the same queues, and so the same slots, share what they do.
            if (block > 0 && whole.Blocks == 1)
            {
                writes[block] = writes[0];
                continue;
            }
            writes[block] = new StreamingWrite[rows.Length][];
            for (var row = 0; row < rows.Length; row++)
            {
                writes[block][row] = new StreamingWrite[whole.Outcomes];
                for (var outcome = 0; outcome < whole.Outcomes; outcome++)
                    writes[block][row][outcome] = Write(
                        _lanes[rows[row].Lane].Streaming(block),
                        WrittenSlots(steps[row], ends[block][row], frameEnds?[block][row], outcome));
            }
        }

        var places = new WindowPlaces(new short[whole.Blocks * rows.Length * whole.Outcomes * held], whole.Blocks, whole.Outcomes);
        Span<int> slots = stackalloc int[held];
        for (var block = 0; block < whole.Blocks; block++)
            for (var row = 0; row < rows.Length; row++)
            {
                var from = whole.Of(block, row, rows.Length, window);
                var frames = steps[row].LocalEnd / Geometry.FrameTokens;
                for (var outcome = 0; outcome < whole.Outcomes; outcome++)
                {
                    writes[block][row][outcome].After.Fill(slots);
                    var to = places.Values.AsSpan(((block * rows.Length + row) * whole.Outcomes + outcome) * held, held);
                    for (var at = 0; at < held; at++)
                        to[at] = slots[at] < 0 ? (short)at
                            : at < first ? split.PlaceOf(at, from[outcome * window + at], frames)
                            : from[outcome * window + slots[at]];
                }
            }
        return new StreamingPlan(first, held,
            Array.ConvertAll(Group(rows, steps), g => g with { LocalEnd = Math.Min(g.LocalEnd, held * Geometry.FrameTokens) }),
            writes, places, HoldsChunks(steps, writes));
    }

    // Blocks write to different places where their sinks were refreshed at different times.
    private bool HoldsChunks(LaneStep[] steps, StreamingWrite[][][] writes) => steps[0].Tokens <= Geometry.FrameTokens
        || writes.All(block => block.All(row => row.All(w => w.Ends.Distinct().Count() == w.Ends.Length)));

    // Slots of the window that a chunk's frames go to, in the order of time.
    private int[] WrittenSlots(LaneStep step, int end, int[]? frameEnds, int outcome)
    {
        var tokens = Geometry.FrameTokens;
        if (frameEnds is not null)
            return Array.ConvertAll(frameEnds, e => e / tokens - 1);
        if (outcome > 0 && step is { Full: true, ChecksSinks: true })
            end = outcome * tokens;
        var frames = step.Tokens / tokens;
        return [.. Enumerable.Range(end / tokens - frames, frames)];
    }

    private StreamingWrite Write(StreamingSlots held, int[] slots)
    {
        var ends = new int[slots.Length];
        for (var frame = 0; frame < slots.Length; frame++)
        {
            held = held.Write(slots[frame], out var at);
            ends[frame] = (at + 1) * Geometry.FrameTokens;
        }
        return new StreamingWrite(slots, ends, held);
    }
}
