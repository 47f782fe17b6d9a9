using StreamDiff.Models;
using TorchSharp;
using static TorchSharp.torch;

namespace StreamDiff.Training.Styles;

/// <summary>
/// What a handful of pictures have in common, put on others: how bright they are and how that is spread, which colours they have, and how
/// strong their fine and coarse detail is. Each pixel by itself and its surroundings, the same in every frame, so what moves evenly stays
/// even. It knows nothing of strokes or shapes.
/// </summary>
internal sealed class PictureStyle : IDisposable
{
    private const int Levels = 64;
    private const int Colours = 12;
    private const int Rounds = 12;
    private const int MostPixels = 20_000;
    private const double Fine = 1;
    private const double Coarse = 4;
    // A colour keeps a share of its own: what differs should not become one.
    private const double Share = 0.85;

    private readonly Tensor _from;
    private readonly Tensor _to;
    private readonly Tensor _palette;
    private readonly (double Fine, double Coarse) _gain;

    /// <param name="pictures">The style, [pictures, 3, H, W] in [0, 1].</param>
    /// <param name="usual">Pictures without it, of the same form.</param>
    public PictureStyle(Tensor pictures, Tensor usual)
    {
        using var scope = NewDisposeScope();
        using var quiet = no_grad();
        (_from, _to) = (Quantiles(usual).DetachFromDisposeScope(), Quantiles(pictures).DetachFromDisposeScope());
        _palette = Palette(pictures).DetachFromDisposeScope();
        var (fine, coarse) = Detail(pictures);
        var (usualFine, usualCoarse) = Detail(usual);
        _gain = (Math.Clamp(fine / usualFine, 0.3, 2), Math.Clamp(coarse / usualCoarse, 0.5, 1.6));
    }

    /// <summary>[frames, 3, H, W] in [0, 1] in the style.</summary>
    public Tensor Target(Tensor frames)
    {
        using var scope = NewDisposeScope();
        var (soft, softer) = (ImageFilters.Blur(frames, Fine), ImageFilters.Blur(frames, Coarse));
        var detailed = softer.add(soft.sub(softer), Scalars.Of(_gain.Coarse)).add(frames.sub(soft), Scalars.Of(_gain.Fine))
            .clamp(Scalars.Of(0), Scalars.One);
        var luma = ImageFilters.Luma(detailed);
        var wanted = Mapped(luma);
        // The palette's colour that is nearest to the wanted brightness and the own hue; a little of several, so that nothing flickers.
        var own = wanted.add(detailed.sub(luma), Scalars.One);
        var distances = Enumerable.Range(0, (int)_palette.size(0)).Select(i =>
        {
            var difference = own.sub(_palette[i].view(1, 3, 1, 1));
            var brightness = ImageFilters.Luma(difference);
            return difference.pow(Scalars.Of(2)).sum(1, keepdim: true).add(brightness.pow(Scalars.Of(2)), Scalars.Of(8));
        }).ToArray();
        var shares = softmax(cat(distances, 1).mul(Scalars.Of(-40)), 1);
        var painted = shares.permute(0, 2, 3, 1).matmul(_palette).permute(0, 3, 1, 2);
        // Its brightness is kept exact where the palette has gaps.
        painted = painted.add(wanted.sub(ImageFilters.Luma(painted)), Scalars.Of(0.5));
        return painted.mul(Scalars.Of(Share)).add(own, Scalars.Of(1 - Share)).clamp(Scalars.Of(0), Scalars.One).contiguous()
            .MoveToOuterDisposeScope();
    }

    public void Dispose()
    {
        _from.Dispose();
        _to.Dispose();
        _palette.Dispose();
    }

    // From each brightness to the one of the same rank, half-way to a straight line, which keeps what is alike alike.
    private Tensor Mapped(Tensor luma)
    {
        var place = bucketize(luma.contiguous(), _from).clamp(Scalars.Of(1), Scalars.Of(Levels));
        var (low, high) = (place.sub(Scalars.Of(1)), place);
        var (x0, x1) = (_from.take(low), _from.take(high));
        var within = luma.sub(x0).div(x1.sub(x0).add(Scalars.Of(1e-4), Scalars.One)).clamp(Scalars.Of(0), Scalars.One);
        var (y0, y1) = (_to.take(low), _to.take(high));
        return y0.add(y1.sub(y0).mul(within), Scalars.One);
    }

    private static Tensor Quantiles(Tensor pictures)
    {
        var sorted = ImageFilters.Luma(pictures).flatten().sort().Values;
        var places = linspace(0, sorted.numel() - 1, Levels + 1).round().to_type(ScalarType.Int64);
        return sorted.index_select(0, places);
    }

    private static (double Fine, double Coarse) Detail(Tensor pictures)
    {
        var (soft, softer) = (ImageFilters.Blur(pictures, Fine), ImageFilters.Blur(pictures, Coarse));
        return (Deviation(pictures.sub(soft)), Deviation(soft.sub(softer)));

        static double Deviation(Tensor x) => Math.Sqrt(x.pow(Scalars.Of(2)).mean().item<float>()) + 1e-4;
    }

    // k-means from evenly spread brightnesses: the same pictures give the same colours.
    private static Tensor Palette(Tensor pictures)
    {
        var pixels = pictures.permute(0, 2, 3, 1).reshape(-1, 3);
        var step = Math.Max(1, pixels.size(0) / MostPixels);
        pixels = pixels.slice(0, 0, pixels.size(0), step);
        var order = pixels.sum(1).argsort();
        var middles = linspace(0, pixels.size(0) - 1, Colours).round().to_type(ScalarType.Int64);
        var colours = pixels.index_select(0, order.index_select(0, middles));
        for (var round = 0; round < Rounds; round++)
        {
            var nearest = cdist(pixels, colours).argmin(1);
            var members = nn.functional.one_hot(nearest, Colours).to_type(ScalarType.Float32);
            var counts = members.sum([0]).unsqueeze(1);
            colours = where(counts.gt(Scalars.Of(0)), members.t().matmul(pixels).div(counts.clamp(min: Scalars.One)), colours);
        }
        return colours;
    }
}
