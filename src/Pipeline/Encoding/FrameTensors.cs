using StreamDiff.Models.Native;
using StreamDiff.Transport.Media;
using TorchSharp;
using static TorchSharp.torch;

namespace StreamDiff.Pipeline.Encoding;

/// <summary>Pictures to tensors and back.</summary>
internal static class FrameTensors
{
    private static readonly Scalar HalfRange = 127.5f;
    private static readonly Scalar MinusOne = -1f;
    private static readonly Scalar HalfRangeRounded = 128f;
    private static readonly Scalar Black = 0f;
    private static readonly Scalar White = 255f;

    /// <summary>Packed RGB24 frames to [1, F, 3, H, W] in [-1, 1].</summary>
    public static Tensor ToPixels(IReadOnlyList<VideoFrame> frames, Device device, ScalarType type)
    {
        using var scope = NewDisposeScope();
        var views = frames.Select(f => TensorMemory.View(f.Pointer, [f.Height, f.Width, 3], ScalarType.Byte)).ToArray();
        // Bytes travel to the device; there they become numbers.
        var bytes = stack(views).to(device);
        return bytes.permute(0, 3, 1, 2).to_type(ScalarType.Float32).div_(HalfRange).add_(MinusOne).to_type(type).unsqueeze(0).MoveToOuterDisposeScope();
    }

    /// <summary>The first frames of [1, F, 3, H, W] around [-1, 1] into pictures, clamped and rounded.</summary>
    public static VideoFrame[] ToFrames(Tensor pixels, int count, FramePool pool)
    {
        using var scope = NewDisposeScope();
        var (height, width) = ((int)pixels.size(3), (int)pixels.size(4));
        var frames = new VideoFrame[count];
        if (count == 0)
            return frames;
        // Conversion to bytes cuts off, so half a step is added first: 127.5 + 0.5.
        var bytes = pixels[0].narrow(0, 0, count).mul(HalfRange).add_(HalfRangeRounded).clamp_(Black, White).to_type(ScalarType.Byte)
            .permute(0, 2, 3, 1).contiguous().cpu();
        for (var i = 0; i < count; i++)
        {
            frames[i] = VideoFrame.Rent(pool, width, height);
            TensorMemory.Span<byte>(bytes[i]).CopyTo(frames[i].Pixels);
        }
        return frames;
    }
}
