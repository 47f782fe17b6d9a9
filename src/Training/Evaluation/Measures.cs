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

    /// <summary>
    /// Multi-scale structural similarity of brightness (Wang, Simoncelli, Bovik 2003), the mean over frames; 1 for the same. Both sides are
    /// 176 pixels at least.
    /// </summary>
    public static double MsSsim(Tensor a, Tensor b)
    {
        using var scope = NewDisposeScope();
        var (x, y) = (ImageFilters.Luma(a), ImageFilters.Luma(b));
        var result = ones(x.size(0));
        for (var scale = 0; scale < ScaleWeights.Length; scale++)
        {
            var (luminance, contrast) = Similarity(x, y);
            var last = scale == ScaleWeights.Length - 1;
            result = result.mul((last ? luminance.mul(contrast) : contrast).mean([1, 2, 3]).clamp(min: Scalars.Of(1e-6f))
                .pow(Scalars.Of(ScaleWeights[scale])));
            (x, y) = (nn.functional.avg_pool2d(x, [2, 2]), nn.functional.avg_pool2d(y, [2, 2]));
        }
        return result.mean().item<float>();
    }

    /// <summary>
    /// Deviation of gradient similarity (Xue, Zhang, Mou, Bovik 2014, "Gradient Magnitude Similarity Deviation"), the mean over frames: 0
    /// for the same, more the more uneven the damage is that a person sees.
    /// </summary>
    public static double GradientDeviation(Tensor a, Tensor b)
    {
        const float constant = 170f / (255 * 255);
        using var scope = NewDisposeScope();
        var (x, y) = (Prewitt(a), Prewitt(b));
        var similarity = x.mul(y).mul(Scalars.Of(2f)).add(Scalars.Of(constant), Scalars.One)
            .div(x.pow(Scalars.Of(2)).add(y.pow(Scalars.Of(2)), Scalars.One).add(Scalars.Of(constant), Scalars.One));
        return similarity.flatten(1).std(1).mean().item<float>();

        static Tensor Prewitt(Tensor clip)
        {
            var grey = nn.functional.avg_pool2d(ImageFilters.Luma(clip), [2, 2]);
            var row = tensor(new[] { 1f / 3, 0, -1f / 3 }).repeat(3).view(1, 1, 3, 3);
            var (h, v) = (nn.functional.conv2d(grey, row), nn.functional.conv2d(grey, row.transpose(2, 3).contiguous()));
            return h.pow(Scalars.Of(2)).add(v.pow(Scalars.Of(2)), Scalars.One).add(Scalars.Of(1e-12f), Scalars.One).sqrt();
        }
    }

    private static readonly float[] ScaleWeights = [0.0448f, 0.2856f, 0.3001f, 0.2363f, 0.1333f];

    // Luminance, and contrast with structure, of every place whose window of eleven pixels lies inside.
    private static (Tensor Luminance, Tensor Contrast) Similarity(Tensor x, Tensor y)
    {
        const float first = 0.01f * 0.01f, second = 0.03f * 0.03f;
        var line = arange(Scalars.Of(-5f), Scalars.Of(6f), Scalars.One).pow(Scalars.Of(2)).mul(Scalars.Of(-1 / 4.5f)).exp();
        line = line.div(line.sum());
        Tensor Mean(Tensor t) => nn.functional.conv2d(nn.functional.conv2d(t, line.view(1, 1, 1, 11)), line.view(1, 1, 11, 1));
        var (mx, my) = (Mean(x), Mean(y));
        var (xx, yy, xy) = (mx.pow(Scalars.Of(2)), my.pow(Scalars.Of(2)), mx.mul(my));
        var (vx, vy) = (Mean(x.pow(Scalars.Of(2))).sub(xx), Mean(y.pow(Scalars.Of(2))).sub(yy));
        var both = Mean(x.mul(y)).sub(xy);
        return (Ratio(xy, xx.add(yy, Scalars.One), first), Ratio(both, vx.add(vy, Scalars.One), second));

        static Tensor Ratio(Tensor above, Tensor below, float constant) => above.mul(Scalars.Of(2f)).add(Scalars.Of(constant), Scalars.One)
            .div(below.add(Scalars.Of(constant), Scalars.One));
    }

    // Lines and borders alike: a sketch has lines where a photograph has borders, so the map is smoothed a little.
    private static Tensor EdgeMap(Tensor clip) =>
        ImageFilters.Blur(ImageFilters.Edges(ImageFilters.Luma(ImageFilters.Blur(clip, 1))), 1.5).flatten(1);
}
