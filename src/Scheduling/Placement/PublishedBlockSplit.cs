namespace StreamDiff.Scheduling.Placement;

/// <summary>A rank's blocks: first and one past the last.</summary>
public readonly record struct BlockRange(int Start, int End)
{
    public int Count => End - Start;
}

/// <summary>
/// The published rule for spreading transformer blocks over ranks: each rank gives up or takes as many blocks as its time lies above or
/// below the mean, measured in the mean time of a block; the remainder goes to the ranks with fewest blocks, or comes from those with most.
/// One block at least for each.
/// </summary>
public static class PublishedBlockSplit
{
    /// <param name="totalBlocks">Blocks of the network.</param>
    /// <param name="rankTimes">Time of each rank per tick, the VAE included.</param>
    /// <param name="blockTimes">Time of each rank per tick in its blocks.</param>
    /// <param name="current">Blocks of each rank now.</param>
    /// <returns>Contiguous ranges that cover all blocks; the current ones when there are more ranks than blocks.</returns>
    /// <exception cref="ArgumentException">The lists have different lengths, or are empty.</exception>
    public static BlockRange[] Balance(
        int totalBlocks, IReadOnlyList<double> rankTimes, IReadOnlyList<double> blockTimes, IReadOnlyList<BlockRange> current)
    {
        var ranks = current.Count;
        if (ranks == 0 || rankTimes.Count != ranks || blockTimes.Count != ranks)
            throw new ArgumentException(
                $"{ranks} ranges, {rankTimes.Count} rank times and {blockTimes.Count} block times do not belong together", nameof(current));
        if (ranks > totalBlocks)
            return [.. current];

        var mean = rankTimes.Average();
        var perBlock = blockTimes.Sum() / totalBlocks;
        var counts = new int[ranks];
        for (var rank = 0; rank < ranks; rank++)
        {
            var wanted = current[rank].Count + (mean - rankTimes[rank]) / perBlock;
            counts[rank] = Math.Max(1, (int)Math.Round(wanted, MidpointRounding.ToEven));
        }
        SpreadRemainder(counts, totalBlocks);
        return BlockPlacement.Contiguous(counts);
    }

    private static void SpreadRemainder(int[] counts, int totalBlocks)
    {
        var missing = totalBlocks - counts.Sum();
        var order = Enumerable.Range(0, counts.Length).OrderBy(r => counts[r]).ThenBy(r => r).ToArray();
        if (missing < 0)
            Array.Reverse(order);
        for (var i = 0; missing != 0; i++)
        {
            var rank = order[i % order.Length];
            if (missing > 0)
            {
                counts[rank]++;
                missing--;
            }
            else if (counts[rank] > 1)
            {
                counts[rank]--;
                missing++;
            }
        }
    }
}
