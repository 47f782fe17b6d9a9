using StreamDiff.Models;
using StreamDiff.Models.Native;
using StreamDiff.Transport.Media;
using TorchSharp;
using static TorchSharp.torch;

namespace StreamDiff.Pipeline.Stream;

/// <summary>Frames to tensors and back. On another device than the CPU bytes travel, and become numbers there.</summary>
internal static class FrameTensors
{
    private static readonly Scalar HalfRange = Scalars.Kept(127.5f);
    private static readonly Scalar MinusOne = Scalars.Kept(-1f);
    private static readonly Scalar HalfRangeRounded = Scalars.Kept(128f);
    private static readonly Scalar Black = Scalars.Kept(0f);
    private static readonly Scalar White = Scalars.Kept(255f);

    /// <summary>Packed RGB24 frames to [1, F, 3, H, W] in [-1, 1].</summary>
    public static Tensor ToPixels(IReadOnlyList<VideoFrame> frames, Device device, ScalarType type)
    {
        using var scope = NewDisposeScope();
        var pixels = device.type == DeviceType.CPU ? Unpack(frames) : Upload(frames, device);
        return pixels.to_type(type).MoveToOuterDisposeScope();
    }

    /// <summary>The first frames of [1, F, 3, H, W] around [-1, 1] into video frames, clamped and rounded.</summary>
    public static VideoFrame[] ToFrames(Tensor pixels, int count, FramePool pool, bool hasAlpha = false)
    {
        using var scope = NewDisposeScope();
        var frames = new VideoFrame[count];
        for (var i = 0; i < count; i++)
            frames[i] = VideoFrame.Rent(pool, (int)pixels.size(4), (int)pixels.size(3), hasAlpha);
        if (pixels.device_type == DeviceType.CPU)
            Pack(pixels, frames);
        else
            Download(pixels, frames);
        return frames;
    }

    /// <summary>
    /// [1, F, 3, H, W] at another size: smaller by averages, larger by straight lines. Null where it has that size, or none is wanted.
    /// </summary>
    public static Tensor? Resized(Tensor pixels, (int Width, int Height)? size)
    {
        if (size is not var (width, height) || (pixels.size(4), pixels.size(3)) == (width, height))
            return null;
        using var scope = NewDisposeScope();
        var mode = width < pixels.size(4) ? InterpolationMode.Area : InterpolationMode.Bilinear;
        // Where lines are drawn and it is not said what corners are, the library warns of it each time; averages take no such setting.
        bool? corners = mode == InterpolationMode.Bilinear ? false : null;
        return nn.functional.interpolate(pixels[0], size: [height, width], mode: mode, align_corners: corners).unsqueeze(0)
            .MoveToOuterDisposeScope();
    }

    private static Tensor Unpack(IReadOnlyList<VideoFrame> frames)
    {
        var (height, width) = (frames[0].Height, frames[0].Width);
        var pixels = empty([1, frames.Count, 3, height, width], ScalarType.Float32);
        var numbers = TensorMemory.Span<float>(pixels);
        var plane = height * width;
        for (var f = 0; f < frames.Count; f++)
        {
            var frame = numbers.Slice(3 * f * plane, 3 * plane);
            PixelPacking.Unpack(frames[f].Pixels, frame[..plane], frame.Slice(plane, plane), frame[(2 * plane)..]);
        }
        return pixels;
    }

    private static void Pack(Tensor pixels, VideoFrame[] frames)
    {
        var numbers = TensorMemory.Span<float>(pixels.to_type(ScalarType.Float32).contiguous());
        for (var f = 0; f < frames.Length; f++)
        {
            var plane = frames[f].Width * frames[f].Height;
            var frame = numbers.Slice(3 * f * plane, 3 * plane);
            PixelPacking.Pack(frame[..plane], frame.Slice(plane, plane), frame[(2 * plane)..], frames[f].Pixels);
        }
    }

    private static Tensor Upload(IReadOnlyList<VideoFrame> frames, Device device)
    {
        var views = frames.Select(f => TensorMemory.View(f.Pointer, [f.Height, f.Width, 3], ScalarType.Byte)).ToArray();
        // From page-locked memory the copy runs beside the device's other work.
        var bytes = stack(views).pin_memory().to(device, non_blocking: true);
        return bytes.permute(0, 3, 1, 2).to_type(ScalarType.Float32).div_(HalfRange).add_(MinusOne, Scalars.One)
            .unsqueeze(0);
    }

    private static void Download(Tensor pixels, VideoFrame[] frames)
    {
        // Conversion to bytes cuts off, so half a step is added first: 127.5 + 0.5.
        var bytes =
            pixels[0].narrow(0, 0, frames.Length).mul(HalfRange).add_(HalfRangeRounded, Scalars.One).clamp_(Black, White)
                .to_type(ScalarType.Byte)
            .permute(0, 2, 3, 1).contiguous().cpu();
        for (var i = 0; i < frames.Length; i++)
            TensorMemory.Span<byte>(bytes[i]).CopyTo(frames[i].Pixels);
    }
}
