using StreamDiff.Models.KvCache;
using StreamDiff.Models.Wan;
using StreamDiff.Models.Wan.Layers;
using StreamDiff.Models.Weights;
using TorchSharp;
using static TorchSharp.torch;

namespace StreamDiff.Models.Tests.Wan;

/// <summary>Training sees whole clips, a stream sees frame after frame: both must compute the same.</summary>
public sealed class SequenceTests
{
    private const int Frames = 9;
    private const int Rows = 2;
    private const int Columns = 3;
    private static readonly WanConfig Config = new() { Dim = 48, FfnDim = 96, Heads = 2, Blocks = 3, TextDim = 16, TextLength = 8 };

    [Theory]
    [InlineData(6, 3)]
    [InlineData(5, 3)]
    [InlineData(4, 3)]
    public void ForwardClips_TwoClips_EqualsTheStreamsOfEach(int window, int sinks)
    {
        using var scope = NewDisposeScope();
        using var grad = no_grad();
        using var source = new RandomWeightSource(3);
        using var model = CausalWanModel.Load(Config, .., source, CPU, ScalarType.Float32);
        manual_seed(5);
        var latents = randn([2, Frames, 16, 2 * Rows, 2 * Columns]);
        using var both = model.EncodePrompt(randn([2, 8, 16]));
        var rows = tensor(Enumerable.Range(0, 2 * Frames).Select(r => (long)(r / Frames)).ToArray());
        using var perRow = both.Select(rows);
        var timesteps = Enumerable.Range(0, 2 * Frames).Select(r => r % Frames < 2 ? 200.0 : 400.0 + r).ToArray();

        var flow = model.ForwardClips(latents, timesteps, perRow, new SequenceLayout(window, sinks));

        for (var clip = 0; clip < 2; clip++)
        {
            using var one = both.Select(tensor(new long[] { clip }));
            var streamed = Stream(model, latents[clip], timesteps[(clip * Frames)..((clip + 1) * Frames)], one,
                new CacheGeometry(Rows * Columns, window, sinks, -1));
            Assert.True(streamed.sub(flow[clip]).abs().max().item<float>() < 1e-4f);
        }
    }

    [Fact]
    public void ForwardClips_WithGradients_ReachesEveryWeight()
    {
        using var scope = NewDisposeScope();
        using var source = new RandomWeightSource(3);
        using var model = CausalWanModel.Load(Config, .., source, CPU, ScalarType.Float32);
        foreach (var weight in model.Weights)
            weight.requires_grad_(true);
        using var prompt = model.EncodePrompt(randn([1, 8, 16]));

        var flow = model.ForwardClips(
            randn([2, Frames, 16, 4, 6]), [.. Enumerable.Repeat(500.0, 2 * Frames)], prompt, new SequenceLayout(5, 3));
        var gradients = autograd.grad([flow.pow(Scalars.Of(2)).mean()], [.. model.Weights]);

        Assert.All(gradients, g => Assert.True(g.abs().max().item<float>() > 0));
    }

    private static Tensor Stream(CausalWanModel model, Tensor latents, double[] timesteps, PromptContext prompt, CacheGeometry geometry)
    {
        using var cache = model.CreateCache(1, geometry, KeyRotation.Relative);
        var flows = new List<Tensor> { Next(0, 2) };
        for (var frame = 2; frame < Frames; frame++)
            flows.Add(Next(frame, 1));
        return cat(flows, 1)[0];

        Tensor Next(int first, int frames) => model.Forward(latents.unsqueeze(0).narrow(1, first, frames), new Tick
        {
            Rows = [new TickRow(0, (long)first * geometry.FrameTokens)],
            Timesteps = [timesteps[first]],
            Frames = frames,
            GridRows = Rows,
            GridColumns = Columns,
            Prompts = [prompt],
        }, cache);
    }
}
