using StreamDiff.Models;
using StreamDiff.Models.Loading;
using StreamDiff.Models.Wan.Layers;
using StreamDiff.Pipeline.Plan;
using StreamDiff.Training.Styles;
using static TorchSharp.torch;

namespace StreamDiff.Training.Evaluation;

/// <summary>
/// Do the transformer's tokens, squares of sixteen pixels, show on flat colour? The spectrum of brightness at that period against its
/// neighbours: 1 where nothing shows.
/// </summary>
internal static class GridEvaluation
{
    private const int Token = 16;
    private const int Frames = 13;

    private static readonly (string Name, float[] Rgb)[] Colours =
    [
        ("grey", [0.5f, 0.5f, 0.5f]), ("dark blue", [0.1f, 0.15f, 0.35f]), ("skin", [0.85f, 0.65f, 0.55f]), ("green", [0.3f, 0.6f, 0.25f]),
    ];

    public static void Run(
        ModelBundle models, SamplingOptions options, IReadOnlyList<Style> styles, (int Width, int Height) size, Report report)
    {
        report.Begin("Grid of tokens on flat colour: spectrum at 16 pixels / its neighbours'",
            ["style", .. Colours.Select(c => c.Name), "strongest wave, 8-bit steps"]);
        foreach (var style in styles.Where(s => s.KeepsPicture))
        {
            using var prompt = models.EncodePrompt(style.Words[0], out _);
            var waves = Array.ConvertAll(Colours, c => Of(models, options, prompt, c.Rgb, size));
            report.Row([style.Name, .. waves.Select(w => (object)w.Ratio), waves.Max(w => w.Height)]);
        }
    }

    private static (double Ratio, double Height) Of(
        ModelBundle models, SamplingOptions options, PromptContext prompt, float[] rgb, (int Width, int Height) size)
    {
        using var scope = NewDisposeScope();
        var clip = tensor(rgb).view(1, 3, 1, 1).expand(Frames, -1, size.Height, size.Width).contiguous();
        var luma = ImageFilters.Luma(StreamRunner.Run(models, options, prompt, clip).narrow(0, Frames - 1, 1));
        var (across, down) = (Along(luma, size.Width, 3), Along(luma, size.Height, 2));
        return (Math.Max(across.Ratio, down.Ratio), Math.Max(across.Height, down.Height));
    }

    // Along one dimension, the mean power of all lines against two neighbours on each side, and how high the wave is from its middle.
    private static (double Ratio, double Height) Along(Tensor luma, int length, int dimension)
    {
        var waves = fft.rfft(luma.sub(luma.mean([dimension], keepdim: true)), dim: dimension);
        var power = waves.abs().pow(Scalars.Of(2)).transpose(dimension, 3).reshape(-1, length / 2 + 1).mean([0])
            .to_type(ScalarType.Float64);
        var at = length / Token;
        double Power(int i) => power[at + i].item<double>();
        return (Power(0) / Math.Max((Power(-2) + Power(-1) + Power(1) + Power(2)) / 4, 1e-12), 255 * 2 * Math.Sqrt(Power(0)) / length);
    }
}
