using StreamDiff.Scheduling.Placement;

namespace StreamDiff.Scheduling.Tests.Placement;

public sealed class VaePlacementTests
{
    [Fact]
    public void Rank_LightBlocksHeavyVae_SplitsItOverBothEnds() => Assert.Equal((0, 1), Best(2, block: 0.001, vae: 0.08));

    [Fact]
    public void Rank_MoreDevicesThanBlocks_GivesTheVaeOneOfItsOwn() => Assert.Equal((-1, -1), Best(4, block: 0.05, vae: 0.02, blocks: 3));

    [Fact]
    public void Rank_OneDevice_HasAllOnIt() => Assert.Equal((0, 0), Best(1, block: 0.01, vae: 0.05));

    private static (int, int) Best(int devices, double block, double vae, int blocks = 30)
    {
        var costs = Enumerable.Repeat(new RankCost(block, 0, vae, vae), devices).ToArray();
        var best = VaePlacement.Rank(blocks, costs, ranks => ScalingModel.Predict(blocks, ranks, new LinkProfile(0, 1e12), 0, steps: 1))[0];
        return (best.Encode, best.Decode);
    }
}
