using StreamDiff.Models.Cuda;
using StreamDiff.Models.KvCache;
using StreamDiff.Models.Tests.Diffusion;
using StreamDiff.Models.Tests.Wan;
using StreamDiff.Models.Wan;
using StreamDiff.Models.Wan.Fused;
using StreamDiff.Models.Wan.Layers;
using static TorchSharp.torch;

namespace StreamDiff.Models.Tests.Cuda;

/// <summary>Ticks with own kernels, emulated on the CPU, give what operators of ATen give.</summary>
public sealed class FusedTickTests
{
    private static readonly string[] Kernels =
        ["residual_norm", "norm_rotate", "compare_sinks", "write_cache", "write_cache_heads", "quantise_rows",
            "join_attention"];

    internal static EmulatedKernels For(
        WanConfig config, ScalarType type = ScalarType.Float32, AttentionPieces? pieces = null) =>
        new(TokenKernels.Source, TokenKernels.Macros(config, type, EmulatedKernels.ThreadsOfBlock), Kernels) { Pieces = pieces };

    [Fact]
    public void Streams_OfEveryKindAtOnce_AreThoseOfAten() => Streams_WithOwnKernels_AreThoseOfAten(KeyRotation.Relative, 0.8, true, true);

    [Theory]
    [Trait("Category", "Slow")]
    [InlineData(KeyRotation.Relative, 0.8, false, false)]
    [InlineData(KeyRotation.Relative, 0.8, true, false)]
    [InlineData(KeyRotation.Relative, -1, false, false)]
    [InlineData(KeyRotation.Published, 0.8, false, false)]
    [InlineData(KeyRotation.Published, -1, false, true)]
    public void Streams_WithOwnKernels_AreThoseOfAten(KeyRotation rotation, double threshold, bool shuffled, bool split)
    {
        // Blocks of both kinds of heads, and one with streaming heads alone.
        var config = Toy.Config with { HeadSplit = split ? new HeadSplit(5, 1, 1, [[1], [0], []]) : null };
        Script[] scripts = [Script.Of(_ => 2), Script.Of(c => 1 + c % 3) with
        {
            // Chunks of several frames, also where the window is full and a sink was replaced before.
            Frames = c => c == 0 ? 3 : c % 4 == 3 ? 2 : 1,
            SinkFrames = c => c % 5 == 4 ? 1 + c % 3 : null,
        }];
        using var plain = new LaneWorld(rotation, threshold, config: config);
        using var fused = new LaneWorld(rotation, threshold, config: config);
        // One query at a time, on so few processors that attention in parts pays.
        using var kernels = For(config, pieces: new AttentionPieces(5, 1, 0));
        fused.Model.Use(kernels);
        var expected = plain.Run(scripts, shuffled ? LaneOrder.Random(7) : LaneOrder.StreamBatch);
        var actual = fused.Run(scripts, shuffled ? LaneOrder.Random(7) : LaneOrder.StreamBatch);

        for (var stream = 0; stream < expected.Length; stream++)
            for (var chunk = 0; chunk < expected[stream].Length; chunk++)
                AssertClose(expected[stream][chunk], actual[stream][chunk], 2e-5f, $"stream {stream}, chunk {chunk}");
        // All ways of a tick were taken: one by one, as a recording with the data of another tick, and in pieces with the lanes of another.
        var ticks = fused.Model.Ticks;
        Assert.InRange(ticks.Replayed, 3, ticks.Ticks - 3);
        Assert.InRange(ticks.Ticks - ticks.Replayed - ticks.InPieces, 3, ticks.Ticks);
        Assert.True(ticks.InPieces >= (shuffled ? 3 : 0), ticks.ToString());
        Assert.Contains("join_attention", kernels.Launched);
        Assert.All(fused.Model.Ticks.Otherwise, reason => Assert.Equal("chunks longer than streaming heads keep", reason.Key));
    }

    /// <summary>Later steps of a chunk write over what its first step wrote, sinks too, and are compared with nothing.</summary>
    [Fact]
    public void Stream_OnOneLane_IsThatOfAten()
    {
        Script[] scripts = [Script.Of(_ => 2) with { Frames = _ => 1, OnOneLane = true }];
        using var plain = new LaneWorld(KeyRotation.Relative, 0.8);
        using var fused = new LaneWorld(KeyRotation.Relative, 0.8);
        using var kernels = For(Toy.Config);
        fused.Model.Use(kernels);
        var expected = plain.Run(scripts, LaneOrder.Random(7))[0];
        var actual = fused.Run(scripts, LaneOrder.Random(7))[0];
        for (var chunk = 0; chunk < expected.Length; chunk++)
            AssertClose(expected[chunk], actual[chunk], 2e-5f, $"chunk {chunk}");
        Assert.Empty(fused.Model.Ticks.Otherwise);
    }

    private static void AssertClose(float[] expected, float[] actual, float tolerance, string what)
    {
        Assert.Equal(expected.Length, actual.Length);
        var most = expected.Max(Math.Abs);
        for (var i = 0; i < expected.Length; i++)
            Assert.True(
                Math.Abs(expected[i] - actual[i]) <= tolerance * most, $"{what}, element {i}: {actual[i]} instead of {expected[i]}");
    }
}
