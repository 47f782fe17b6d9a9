using StreamDiff.Models.Diffusion;
using StreamDiff.Models.KvCache;
using StreamDiff.Models.Wan;
using StreamDiff.Models.Wan.Layers;
using StreamDiff.Models.Weights;
using static TorchSharp.torch;

namespace StreamDiff.Models.Tests.Wan;

/// <summary>A transformer of toy size with random weights, and streams through it.</summary>
internal static class Toy
{
    public const int Rows = 2;
    public const int Columns = 3;

    public static WanConfig Config { get; } = new()
    {
        Dim = 48,
        FfnDim = 64,
        Heads = 2,
        Blocks = 3,
        TextDim = 16,
        TextLength = 8,
        FrequencyDim = 32,
    };

    public static CausalWanModel Model(Range? blocks = null, ScalarType type = ScalarType.Float32, WanConfig? config = null) =>
        CausalWanModel.Load(config ?? Config, blocks ?? .., new RandomWeightSource(3), CPU, type);

    public static PromptContext Prompt(CausalWanModel model)
    {
        using var generator = new Generator(5);
        using var embeddings = randn([1, 8, 16], generator: generator);
        return model.EncodePrompt(embeddings);
    }

    public static DenoiserOptions Options(
        int steps, KeyRotation rotation, int window = 6, int sinks = 3, double threshold = 0.2, int? refresh = 50) => new()
        {
            Timesteps = [.. new double[] { 700, 500, 400, 200 }.Take(steps)],
            Geometry = new CacheGeometry(Rows * Columns, window, sinks, threshold),
            Rotation = rotation,
            GridRows = Rows,
            GridColumns = Columns,
            RopeRefreshFrame = refresh,
        };

    public static Tensor Latents(long frames, ulong seed)
    {
        using var generator = new Generator(seed);
        return randn([1, frames, 16, 2 * Rows, 2 * Columns], generator: generator);
    }
}
