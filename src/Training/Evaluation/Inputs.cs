using StreamDiff.Models;
using StreamDiff.Training.Data;
using TorchSharp;
using static TorchSharp.torch;

namespace StreamDiff.Training.Evaluation;

/// <summary>
/// Clips that were never trained on: rendered from seeds beyond those of the training, FFmpeg's own sources, and files of the user.
/// </summary>
internal static class Inputs
{
    /// <summary>First seed of clips for judging; training seeds stay below it.</summary>
    public const int HeldOutSeed = 1_900_000_000;

    /// <summary>First seed of clips that the classifier learns from; neither trained on nor judged by.</summary>
    public const int ClassifierSeed = 1_800_000_000;

    /// <summary>FFmpeg sources, as the program draws them.</summary>
    public static IReadOnlyList<string> Sources { get; } =
    [
        "test:scene", "test:mandelbrot", "test:gradients", "test:testsrc2", "test:testsrc", "test:smptebars", "test:rgbtestsrc",
        "test:life?size=40x24&rate=4&mold=10",
    ];

    /// <summary>float32 [frames, 3, height, width] in [0, 1].</summary>
    public static Tensor Synthetic(int seed, int frames, int width, int height) =>
        tensor(SyntheticClip.Render(seed, frames, width, height), [frames, 3, height, width]).to_type(ScalarType.Float32)
            .div(Scalars.Of(255f));
}
