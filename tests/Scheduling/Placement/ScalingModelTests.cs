using StreamDiff.Scheduling.Placement;

namespace StreamDiff.Scheduling.Tests.Placement;

public sealed class ScalingModelTests
{
    private static readonly LinkProfile NvLink = new(20e-6, 300e9);

    /// <summary>Published frames per second at 832x480 for 1, 2 and 4 GPUs; the profile was made from the first column.</summary>
    [Theory]
    [InlineData("1.3B", 1, 20.47, 39.77, 44.38)]
    [InlineData("1.3B", 2, 17.97, 34.67, 43.41)]
    [InlineData("1.3B", 3, 15.68, 30.69, 43.08)]
    [InlineData("1.3B", 4, 13.95, 27.06, 42.26)]
    [InlineData("14B", 1, 12.68, 25.39, 39.24)]
    [InlineData("14B", 2, 8.64, 17.31, 33.36)]
    [InlineData("14B", 3, 6.49, 13.23, 25.02)]
    [InlineData("14B", 4, 5.28, 10.69, 20.05)]
    public void Predict_PublishedRings_ComesWithinTwelvePerCent(string model, int steps, double one, double two, double four)
    {
        var network = Network(model, steps);
        foreach (var (gpus, published) in ((int, double)[])[(1, one), (2, two), (4, four)])
            Assert.InRange(Fps(network, gpus) / published, 0.88, 1.12);
    }

    [Fact]
    public void Predict_SlowLink_IsBoundByIt()
    {
        var prediction = ScalingModel.Predict(4, [new(0.001, 0, 0, 0), new(0.001, 0, 0, 0)], new LinkProfile(0, 1e6), 1e5, steps: 1);
        Assert.Equal((0.1, "the link"), (prediction.TickSeconds, prediction.Bound));
    }

    [Fact]
    public void Predict_FewTicksInFlight_IsBoundByTheWayRound()
    {
        RankCost[] ranks = [new(0.01, 0, 0, 0), new(0.01, 0, 0, 0)];
        var tight = ScalingModel.Predict(4, ranks, new LinkProfile(0.01, 1e12), 0, steps: 2, depth: 2);
        var deep = ScalingModel.Predict(4, ranks, new LinkProfile(0.01, 1e12), 0, steps: 2, depth: 3);
        Assert.Equal(0.03, tight.TickSeconds, 6);
        Assert.Equal(0.02, deep.TickSeconds, 6);
    }

    [Fact]
    public void NetworkShape_WeightsOfTheBlocks_AreThoseOfTheModels()
    {
        // The public checkpoints have 1.42 and 14.3 billion parameters in the transformer, embeddings included.
        Assert.InRange(Network("1.3B", 1).WeightBytes(0, 30) / 2, 1.2e9, 1.45e9);
        Assert.InRange(Network("14B", 1).WeightBytes(0, 40) / 2, 13.5e9, 14.4e9);
    }

    private static double Fps(NetworkShape network, int gpus)
    {
        var device = DeviceProfile.Find("H100", network)!;
        var pixels = 832.0 * 480;
        var ranks = Enumerable.Range(0, gpus)
            .Select(r => new RankCost(device.BlockSeconds(network), 0, r == 0 ? device.EncodeSecondsPerPixel * pixels : 0,
                r == gpus - 1 ? device.DecodeSecondsPerPixel * pixels : 0))
            .ToArray();
        return ScalingModel.Predict(network.Blocks, ranks, NvLink, network.TickBytes, network.Steps).FramesPerSecond;
    }

    private static NetworkShape Network(string model, int steps) => model == "14B"
        ? new NetworkShape { Blocks = 40, Dim = 5120, FfnDim = 13824, Heads = 40, FrameTokens = 1560, Steps = steps }
        : new NetworkShape { Blocks = 30, Dim = 1536, FfnDim = 8960, Heads = 12, FrameTokens = 1560, Steps = steps };
}
