namespace StreamDiff.Scheduling.Placement;

/// <summary>What a rank needs per tick, in seconds.</summary>
/// <param name="Fixed">Whatever its number of blocks: VAE, embedding, head.</param>
/// <param name="PerBlock">For each block.</param>
public readonly record struct RankLoad(double Fixed, double PerBlock)
{
    public double Time(int blocks) => Fixed + blocks * PerBlock;
}

/// <summary>The best spread of blocks over ranks: the one whose slowest rank is fastest.</summary>
public static class BlockPlacement
{
    /// <summary>
    /// Blocks are alike, so a rank's time grows by the same amount with each: giving every block to the rank that is then least late is
    /// optimal.
    /// </summary>
    /// <param name="blocks">Blocks of the network.</param>
    /// <param name="loads">Ranks in the order of the ring.</param>
    /// <exception cref="ArgumentException">There are more ranks than blocks, or none.</exception>
    public static BlockRange[] Best(int blocks, IReadOnlyList<RankLoad> loads)
    {
        if (loads.Count == 0 || loads.Count > blocks)
            throw new ArgumentException($"{blocks} blocks cannot be spread over {loads.Count} ranks", nameof(loads));
        var counts = new int[loads.Count];
        Array.Fill(counts, 1);
        for (var left = blocks - loads.Count; left > 0; left--)
        {
            var best = 0;
            for (var rank = 1; rank < counts.Length; rank++)
                if (loads[rank].Time(counts[rank] + 1) < loads[best].Time(counts[best] + 1))
                    best = rank;
            counts[best]++;
        }
        return Contiguous(counts);
    }

    /// <summary>Time of the slowest rank: a ring gives one tick in so many seconds.</summary>
    public static double Slowest(IReadOnlyList<BlockRange> ranges, IReadOnlyList<RankLoad> loads)
    {
        var slowest = 0.0;
        for (var rank = 0; rank < loads.Count; rank++)
            slowest = Math.Max(slowest, loads[rank].Time(ranges[rank].Count));
        return slowest;
    }

    /// <summary>
    /// As near to a target as one move can come in which every rank keeps one of its blocks and blocks go to neighbours only.
    /// </summary>
    public static BlockRange[] StepTowards(IReadOnlyList<BlockRange> current, IReadOnlyList<BlockRange> target)
    {
        var counts = new int[current.Count];
        var start = 0;
        for (var rank = 0; rank < counts.Length; rank++)
        {
            var end = rank == counts.Length - 1
                ? current[rank].End
                : Math.Clamp(target[rank].End, current[rank].Start + 1, current[rank + 1].End - 1);
            counts[rank] = end - start;
            start = end;
        }
        return Contiguous(counts);
    }

    /// <summary>Blocks that change their rank from one spread to another.</summary>
    public static int Moved(IReadOnlyList<BlockRange> from, IReadOnlyList<BlockRange> to)
    {
        var moved = 0;
        for (var rank = 0; rank < from.Count; rank++)
            moved += Math.Max(0, from[rank].Start - to[rank].Start) + Math.Max(0, to[rank].End - from[rank].End);
        return moved;
    }

    internal static BlockRange[] Contiguous(int[] counts)
    {
        var ranges = new BlockRange[counts.Length];
        var start = 0;
        for (var rank = 0; rank < counts.Length; rank++)
        {
            ranges[rank] = new BlockRange(start, start + counts[rank]);
            start += counts[rank];
        }
        return ranges;
    }
}
