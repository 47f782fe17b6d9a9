using StreamDiff.Models;
using TorchSharp;
using static TorchSharp.torch;
using F = TorchSharp.torch.nn.functional;

namespace StreamDiff.Training.Styles;

/// <summary>Where the blocks of a picture were in the one before: full search by mean absolute difference of brightness.</summary>
internal static class BlockMatching
{
    private const int Side = 8;

    /// <summary>
    /// Of every pixel, the place in the picture before that its block came from, as an index into height times width: int64 [pictures,
    /// height * width]; and the block's difference, float32 of the same shape. Height and width are cut to multiples of eight pixels.
    /// </summary>
    /// <param name="now">[pictures, 3, H, W] in [0, 1].</param>
    /// <param name="before">Of the same shape.</param>
    /// <param name="reach">Farthest that is looked for, in pixels across and down.</param>
    public static (Tensor Source, Tensor Cost) Match(Tensor now, Tensor before, int reach)
    {
        using var scope = NewDisposeScope();
        var (height, width, stride) = (now.size(2) / Side * Side, now.size(3) / Side * Side, now.size(3));
        var luma = ImageFilters.Luma(now).narrow(2, 0, height).narrow(3, 0, width);
        var padded = F.pad(ImageFilters.Luma(before), [reach, reach, reach, reach], PaddingModes.Replicate);
        // No motion is tried first, and has to be beaten clearly: plain surfaces match everywhere.
        var shifts = Enumerable.Range(-reach, 2 * reach + 1)
            .SelectMany(y => Enumerable.Range(-reach, 2 * reach + 1).Select(x => (Y: y, X: x))).OrderBy(s => s.Y * s.Y + s.X * s.X);
        var best = full([now.size(0), 1, height / Side, width / Side], Scalars.Of(1e9f), device: now.device);
        var (dy, dx) = (zeros_like(best), zeros_like(best));
        foreach (var (y, x) in shifts)
        {
            using var inner = NewDisposeScope();
            var cost = F.avg_pool2d(luma.sub(padded.narrow(2, reach + y, height).narrow(3, reach + x, width)).abs(), [Side, Side]);
            var better = cost.lt(best.mul(Scalars.Of(0.98f)));
            best.copy_(where(better, cost, best));
            dy.masked_fill_(better, Scalars.Of(y));
            dx.masked_fill_(better, Scalars.Of(x));
        }
        var rows = Pixels(dy).add(Places(height, now.device).view(1, -1, 1), Scalars.One).clamp(Scalars.Of(0), Scalars.Of(height - 1));
        var columns = Pixels(dx).add(Places(width, now.device).view(1, 1, -1), Scalars.One).clamp(Scalars.Of(0), Scalars.Of(width - 1));
        var source = rows.mul(Scalars.Of(stride)).add(columns, Scalars.One).to_type(ScalarType.Int64).flatten(1);
        return (source.MoveToOuterDisposeScope(), Pixels(best).flatten(1).MoveToOuterDisposeScope());
    }

    /// <summary>
    /// What is not explained by motion: pictures minus what their pixels were before, [pictures, channels, height * width].
    /// </summary>
    /// <param name="now">[pictures, channels, H, W].</param>
    /// <param name="before">Of the same shape.</param>
    /// <param name="source">As <see cref="Match"/> gives it for pictures of this size.</param>
    public static Tensor Change(Tensor now, Tensor before, Tensor source)
    {
        var moved = before.flatten(2).gather(2, source.unsqueeze(1).expand(-1, before.size(1), -1));
        return now.narrow(2, 0, now.size(2) / Side * Side).narrow(3, 0, now.size(3) / Side * Side).flatten(2).sub(moved);
    }

    private static Tensor Places(long count, Device device) =>
        arange(Scalars.Of(0), Scalars.Of(count), Scalars.One, ScalarType.Float32, device);

    private static Tensor Pixels(Tensor blocks) => blocks.repeat_interleave(Side, 2).repeat_interleave(Side, 3).squeeze(1);
}
