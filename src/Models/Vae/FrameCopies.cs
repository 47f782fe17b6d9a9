using StreamDiff.Models.Native;
using TorchSharp;
using static TorchSharp.torch;

namespace StreamDiff.Models.Vae;

/// <summary>
/// Copies of frames whose channels lie last in memory, 16 bytes at once: ATen's own go by the element, at a seventh of the memory's rate
/// for a doubled picture (H200, docs/gpu.md). Results are for the caller's dispose scope.
/// </summary>
internal static class FrameCopies
{
    private const int Bytes = 16;

    /// <summary>True for what can be copied so.</summary>
    public static bool Suit(Tensor frames) =>
        FrameMatrices.Suit(frames) && frames.size(1) * frames.element_size() % Bytes == 0 && frames.permute(0, 2, 3, 1).is_contiguous();

    /// <summary>Every pixel as a square of four: [frames, channels, 2 height, 2 width].</summary>
    public static Tensor Doubled(Tensor frames)
    {
        var (count, height, width) = (frames.size(0), frames.size(2), frames.size(3));
        var to = FrameMatrices.Empty(frames.narrow(0, 0, 1), count, frames.size(1), 2);
        var wide = Wide(to).view(count, height, 2, width, 2, -1);
        wide.copy_(Wide(frames).view(count, height, 1, width, 1, -1).expand(count, height, 2, width, 2, wide.size(5)));
        return to;
    }

    /// <summary>Each frame's channels and behind them those of the frame before it: [frames, 2 channels, height, width].</summary>
    /// <param name="frames">The frames.</param>
    /// <param name="before">The one before the first; null for one of zeros.</param>
    public static Tensor WithPast(Tensor frames, Tensor? before)
    {
        var count = frames.size(0);
        var to = FrameMatrices.Empty(frames, count, 2 * frames.size(1));
        var (from, both) = (Wide(frames), Wide(to));
        var half = from.size(3);
        both.narrow(3, 0, half).copy_(from);
        var past = both.narrow(3, half, half);
        if (before is null)
            past.narrow(0, 0, 1).zero_();
        else
            past.narrow(0, 0, 1).copy_(Wide(before));
        if (count > 1)
            past.narrow(0, 1, count - 1).copy_(from.narrow(0, 0, count - 1));
        return to;
    }

    // [frames, height, width, channels] as numbers of 16 bytes.
    private static Tensor Wide(Tensor frames) => Ops.ViewAs(frames.permute(0, 2, 3, 1), ScalarType.ComplexFloat64);
}
