using StreamDiff.Models;
using StreamDiff.Training.Styles;
using TorchSharp;
using static TorchSharp.torch;
using F = TorchSharp.torch.nn.functional;

namespace StreamDiff.Training.Evaluation;

/// <summary>
/// Where each block of a clip's frames came from in the frame before, by matching blocks of brightness. Estimated on the input, it takes
/// the motion out of the differences of what was made of that input: what remains is flicker.
/// </summary>
internal sealed class MotionField : IDisposable
{
    private const int Side = 8;
    private const int Reach = 7;
    // Blocks that match nothing (uncovered, blinking, cut) say nothing about flicker. Mean absolute difference of brightness.
    private const float WorstMatch = 0.02f;

    private readonly Tensor _source;
    private readonly Tensor _trusted;

    /// <param name="clip">The input, [frames, 3, H, W] in [0, 1].</param>
    public MotionField(Tensor clip)
    {
        using var scope = NewDisposeScope();
        var luma = ImageFilters.Luma(clip);
        var (pairs, height, width) = (luma.size(0) - 1, luma.size(2) / Side * Side, luma.size(3) / Side * Side);
        var now = luma.narrow(0, 1, pairs).narrow(2, 0, height).narrow(3, 0, width);
        var before = F.pad(luma.narrow(0, 0, pairs), [Reach, Reach, Reach, Reach], PaddingModes.Replicate);
        // No motion is tried first, and has to be beaten clearly: plain surfaces match everywhere.
        var shifts = Enumerable.Range(-Reach, 2 * Reach + 1)
            .SelectMany(y => Enumerable.Range(-Reach, 2 * Reach + 1).Select(x => (Y: y, X: x))).OrderBy(s => s.Y * s.Y + s.X * s.X)
            .ToArray();
        var best = full([pairs, 1, height / Side, width / Side], Scalars.Of(1e9f));
        var (dy, dx) = (zeros_like(best), zeros_like(best));
        foreach (var (y, x) in shifts)
        {
            using var inner = NewDisposeScope();
            var cost = F.avg_pool2d(now.sub(before.narrow(2, Reach + y, height).narrow(3, Reach + x, width)).abs(), [Side, Side]);
            var better = cost.lt(best.mul(Scalars.Of(0.98f)));
            best.copy_(where(better, cost, best));
            dy.masked_fill_(better, Scalars.Of(y));
            dx.masked_fill_(better, Scalars.Of(x));
        }
        var rows = Pixels(dy).add(arange(Scalars.Of(0), Scalars.Of(height), Scalars.One).view(1, -1, 1), Scalars.One)
            .clamp(Scalars.Of(0), Scalars.Of(height - 1));
        var columns = Pixels(dx).add(arange(Scalars.Of(0), Scalars.Of(width), Scalars.One).view(1, 1, -1), Scalars.One)
            .clamp(Scalars.Of(0), Scalars.Of(width - 1));
        _source = rows.mul(Scalars.Of(clip.size(3))).add(columns, Scalars.One).to_type(ScalarType.Int64).flatten(1)
            .DetachFromDisposeScope();
        _trusted = Pixels(best.lt(Scalars.Of(WorstMatch)).to_type(ScalarType.Float32)).flatten(1).DetachFromDisposeScope();
        (Height, Width) = (height, width);
    }

    private long Height { get; }

    private long Width { get; }

    /// <summary>Share of the picture whose motion was found.</summary>
    public double Share => _trusted.mean().item<float>();

    /// <summary>Mean absolute difference of neighbouring frames after the input's motion has been taken out, where it was found.</summary>
    /// <param name="clip">[frames, 3, H, W] in [0, 1], of the input's size.</param>
    public double Flicker(Tensor clip)
    {
        using var scope = NewDisposeScope();
        var pairs = _source.size(0);
        var before = clip.narrow(0, 0, pairs).flatten(2).gather(2, _source.unsqueeze(1).expand(-1, 3, -1));
        var now = clip.narrow(0, 1, pairs).narrow(2, 0, Height).narrow(3, 0, Width).flatten(2);
        return now.sub(before).abs().mean([1]).mul(_trusted).sum().div(_trusted.sum().clamp(min: Scalars.One)).item<float>();
    }

    public void Dispose()
    {
        _source.Dispose();
        _trusted.Dispose();
    }

    private static Tensor Pixels(Tensor blocks) => blocks.repeat_interleave(Side, 2).repeat_interleave(Side, 3).squeeze(1);
}
