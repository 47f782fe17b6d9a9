using CsCheck;
using StreamDiff.Scheduling.Placement;

namespace StreamDiff.Scheduling.Tests.Placement;

public sealed class PublishedBlockSplitTests
{
    [Fact]
    public void Balance_EqualTimes_KeepsTheRanges()
    {
        BlockRange[] current = [new(0, 15), new(15, 30)];
        Assert.Equal(current, PublishedBlockSplit.Balance(30, [1, 1], [1, 1], current));
    }

    [Fact]
    public void Balance_VaeOnTheFirstRank_MovesBlocksAway() =>
        Assert.Equal([new BlockRange(0, 10), new BlockRange(10, 30)],
            PublishedBlockSplit.Balance(30, [25, 15], [15, 15], [new(0, 15), new(15, 30)]));

    [Fact]
    public void Balance_MoreRanksThanBlocks_KeepsTheRanges()
    {
        BlockRange[] current = [new(0, 1), new(1, 1)];
        Assert.Equal(current, PublishedBlockSplit.Balance(1, [1, 2], [1, 2], current));
    }

    [Fact]
    public void Balance_ListsOfDifferentLength_Throws() =>
        Assert.Throws<ArgumentException>(() => PublishedBlockSplit.Balance(4, [1], [1, 2], [new(0, 2), new(2, 4)]));

    [Fact]
    public void Balance_AnyTimes_CoversAllBlocksContiguously() =>
        Gen.Int[1, 8].SelectMany(ranks => Gen.Select(Gen.Int[ranks, 48], Gen.Double[0.1, 30].Array[ranks])).Sample((blocks, times) =>
        {
            var even = Enumerable.Range(0, times.Length)
                .Select(r => new BlockRange(blocks * r / times.Length, blocks * (r + 1) / times.Length)).ToArray();
            var result = PublishedBlockSplit.Balance(blocks, times, times, even);
            Assert.Equal(0, result[0].Start);
            Assert.Equal(blocks, result[^1].End);
            Assert.All(result, r => Assert.True(r.Count >= 1));
            for (var i = 1; i < result.Length; i++)
                Assert.Equal(result[i - 1].End, result[i].Start);
        });
}
