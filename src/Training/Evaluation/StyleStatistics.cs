using StreamDiff.Models;
using StreamDiff.Training.Styles;
using TorchSharp;
using static TorchSharp.torch;
using F = TorchSharp.torch.nn.functional;

namespace StreamDiff.Training.Evaluation;

/// <summary>Hand-made statistics of a styled clip, and of how it relates to its input: what a style is known by.</summary>
internal static class StyleStatistics
{
    private static readonly float[] SmallSteps = [0.004f, 0.012f, 0.03f];

    /// <summary>[frames, features] of clips [frames, 3, H, W].</summary>
    public static Tensor Of(Tensor input, Tensor output)
    {
        using var scope = NewDisposeScope();
        var (before, after) = (ImageFilters.Luma(input), ImageFilters.Luma(output));
        var features = new List<Tensor>
        {
            output.mean([2, 3]), output.std([2, 3]), Correlation(input, output), Correlation(before.expand_as(output), output),
            Spread(output), Shares(after), Mean(ImageFilters.Edges(after)), Mean(ImageFilters.Edges(ImageFilters.Blur(after, 2))),
            Correlation(ImageFilters.Edges(before), after),
            Correlation(ImageFilters.Edges(ImageFilters.Blur(before, 1.5)), ImageFilters.Blur(after, 1.5)),
            Correlation(ImageFilters.Edges(before), ImageFilters.Edges(after)), Blocks(after),
            Mean(after.sub(ImageFilters.Blur(after, 1)).abs()),
            Directional(before, after), Repeats(after), Flatness(after), Bands(before, after), Asymmetry(after),
            Spread(input).narrow(1, 0, 1).sub(Spread(output).narrow(1, 0, 1)),
        };
        return cat([.. features.Select(f => f.view(output.size(0), -1))], 1).MoveToOuterDisposeScope();
    }

    private static Tensor Mean(Tensor x) => x.mean([1, 2, 3]);

    // Saturation, its spread, and how the colour channels differ.
    private static Tensor Spread(Tensor x)
    {
        var span = x.amax([1]).sub(x.amin([1]));
        return stack(
        [
            span.mean([1, 2]),
            span.std([1, 2]),
            x.select(1, 0).sub(x.select(1, 1)).mean([1, 2]),
            x.select(1, 2).sub(x.select(1, 1)).mean([1, 2]),
        ], 1);
    }

    // Shares of the picture in eight steps of brightness.
    private static Tensor Shares(Tensor luma)
    {
        var steps = luma.mul(Scalars.Of(8f)).floor().clamp(Scalars.Of(0), Scalars.Of(7));
        return stack(Enumerable.Range(0, 8).Select(i => Mean(steps.eq(Scalars.Of(i)).to_type(ScalarType.Float32))).ToArray(), 1);
    }

    private static Tensor Correlation(Tensor a, Tensor b)
    {
        var x = a.sub(a.mean([2, 3], keepdim: true));
        var y = b.sub(b.mean([2, 3], keepdim: true));
        return x.mul(y).mean([2, 3])
            .div(x.pow(Scalars.Of(2)).mean([2, 3]).mul(y.pow(Scalars.Of(2)).mean([2, 3])).sqrt().add(Scalars.Of(1e-4f), Scalars.One));
    }

    // Steps at multiples of sixteen pixels against steps elsewhere.
    private static Tensor Blocks(Tensor luma)
    {
        var step = luma.diff(dim: 3).abs();
        var width = step.size(3) / 16 * 16;
        var phases = step.narrow(3, 0, width).reshape(step.size(0), -1, 16).mean([1]);
        return phases.select(1, 15).div(phases.mean([1]).add(Scalars.Of(1e-4f), Scalars.One));
    }

    // Patterns that repeat every sixteen pixels: the waves of the mean square of that size, against all fine detail.
    private static Tensor Repeats(Tensor luma)
    {
        const int side = 16;
        var detail = luma.sub(ImageFilters.Blur(luma, 4));
        var (frames, height, width) = (luma.size(0), luma.size(2) / side, luma.size(3) / side);
        var square = detail.narrow(2, 0, height * side).narrow(3, 0, width * side).reshape(frames, height, side, width, side).mean([1, 3]);
        var waves = fft.fft2(square).abs().div(Scalars.Of(side * side));
        var kept = cat(
            [waves.narrow(1, 0, 5).narrow(2, 0, 5).flatten(1), waves.narrow(1, side - 4, 4).narrow(2, 1, 4).flatten(1)], 1);
        return kept.div(detail.std([1, 2, 3]).unsqueeze(1).add(Scalars.Of(0.01f), Scalars.One)).add(Scalars.Of(0.02f), Scalars.One).log();
    }

    // Shares of the picture that hardly change from pixel to pixel.
    private static Tensor Flatness(Tensor luma)
    {
        var edges = ImageFilters.Edges(luma);
        return stack(Array.ConvertAll(SmallSteps, t => Mean(edges.lt(Scalars.Of(t)).to_type(ScalarType.Float32))), 1);
    }

    // Detail of three sizes, of the picture and against the input's.
    private static Tensor Bands(Tensor before, Tensor after)
    {
        var result = new List<Tensor>();
        foreach (var sigma in (double[])[0.8, 1.6, 3.2])
        {
            var (was, now) = (Detail(before, sigma), Detail(after, sigma));
            result.Add(now.add(Scalars.Of(0.002f), Scalars.One).log());
            result.Add(now.add(Scalars.Of(0.002f), Scalars.One).div(was.add(Scalars.Of(0.002f), Scalars.One)).log());
        }
        return stack(result.ToArray(), 1);

        static Tensor Detail(Tensor luma, double sigma) =>
            Mean(ImageFilters.Blur(luma, sigma).sub(ImageFilters.Blur(luma, 2 * sigma)).abs());
    }

    // Dark lines on light are not light lines on dark.
    private static Tensor Asymmetry(Tensor luma)
    {
        var detail = luma.sub(ImageFilters.Blur(luma, 2.5));
        return detail.pow(Scalars.Of(3)).mean([1, 2, 3])
            .div(detail.std([1, 2, 3]).pow(Scalars.Of(3)).add(Scalars.Of(1e-6f), Scalars.One)).clamp(Scalars.Of(-5), Scalars.Of(5));
    }

    // A relief is lit from one side.
    private static Tensor Directional(Tensor before, Tensor after)
    {
        var (gx, gy) = ImageFilters.Gradient(ImageFilters.Blur(before, 1));
        return Correlation(gx.add(gy, Scalars.One), after);
    }
}
