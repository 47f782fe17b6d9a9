using StreamDiff.Models;
using StreamDiff.Training.Styles;
using TorchSharp;
using static TorchSharp.torch;

namespace StreamDiff.Training.Evaluation;

/// <summary>Figures about clips [frames, 3, H, W] in [0, 1].</summary>
internal static class Measures
{
    /// <summary>Peak signal-to-noise ratio in dB, over all frames at once.</summary>
    public static double Psnr(Tensor a, Tensor b)
    {
        using var scope = NewDisposeScope();
        return -10 * Math.Log10(Math.Max(a.sub(b).pow(Scalars.Of(2)).mean().to_type(ScalarType.Float64).item<double>(), 1e-10));
    }

    /// <summary>Correlation of the edge maps of two clips, frame by frame, the mean.</summary>
    public static double EdgeCorrelation(Tensor a, Tensor b)
    {
        using var scope = NewDisposeScope();
        var (x, y) = (EdgeMap(a), EdgeMap(b));
        x = x.sub(x.mean([1], keepdim: true));
        y = y.sub(y.mean([1], keepdim: true));
        var correlation = x.mul(y).sum(1)
            .div(x.pow(Scalars.Of(2)).sum(1).mul(y.pow(Scalars.Of(2)).sum(1)).sqrt().add(Scalars.Of(1e-9f), Scalars.One));
        return correlation.mean().item<float>();
    }

    /// <summary>Brightness steps at multiples of eight pixels against steps elsewhere: 1 where no blocks show.</summary>
    public static double Blocking(Tensor clip)
    {
        using var scope = NewDisposeScope();
        var steps = ImageFilters.Luma(clip).diff(dim: 3).abs();
        var width = steps.size(3) / 8 * 8;
        var phases = steps.narrow(3, 0, width).reshape(-1, 8).mean([0]);
        return (double)phases[7].item<float>() / Math.Max(phases.narrow(0, 0, 7).mean().item<float>(), 1e-6);
    }

    // Lines and borders alike: a sketch has lines where a photograph has borders, so the map is smoothed a little.
    private static Tensor EdgeMap(Tensor clip) =>
        ImageFilters.Blur(ImageFilters.Edges(ImageFilters.Luma(ImageFilters.Blur(clip, 1))), 1.5).flatten(1);
}
