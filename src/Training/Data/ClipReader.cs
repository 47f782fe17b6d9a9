using StreamDiff.Models;
using StreamDiff.Models.Native;
using StreamDiff.Transport.Media;
using StreamDiff.Transport.Media.Opening;
using TorchSharp;
using static TorchSharp.torch;
using F = TorchSharp.torch.nn.functional;

namespace StreamDiff.Training.Data;

/// <summary>Reads the start of a video, of a folder of numbered pictures, or of a <c>test:</c> picture, as one tensor.</summary>
internal static class ClipReader
{
    /// <returns>float32 [frames, 3, H, W] in [0, 1].</returns>
    /// <exception cref="MediaException">It cannot be read, or ends before it has begun.</exception>
    public static Tensor Read(string input, int frames, int width, int height)
    {
        if (Directory.Exists(input))
            return ReadFolder(input, frames, width, height);
        using var source = MediaSources.Open(new VideoSourceOptions { Input = input, Width = width, Height = height, ReadAudio = false });
        using var scope = NewDisposeScope();
        var pictures = new List<Tensor>();
        while (pictures.Count < frames && source.Read(CancellationToken.None) is { } unit)
        {
            using (unit)
            {
                if (unit is not VideoFrame frame)
                    continue;
                var packed = empty([height, width, 3], ScalarType.Byte);
                frame.Pixels.CopyTo(TensorMemory.Span<byte>(packed));
                pictures.Add(packed);
            }
        }
        if (pictures.Count == 0)
            throw new MediaException($"{input} has no pictures");
        return stack(pictures).permute(0, 3, 1, 2).to_type(ScalarType.Float32).div(Scalars.Of(255f)).MoveToOuterDisposeScope();
    }

    // Needs no FFmpeg.
    private static Tensor ReadFolder(string folder, int frames, int width, int height)
    {
        using var scope = NewDisposeScope();
        using var library = PictureLibrary.Load([folder], CPU);
        if (library.Videos.Count == 0)
            throw new MediaException($"{folder} has no numbered pictures (0001.jpg, 0002.jpg and so on, nine at least)");
        var video = library.Videos[0];
        var start = video.narrow(0, 0, Math.Min(frames, video.size(0))).to_type(ScalarType.Float32).div(Scalars.Of(255f));
        var isSize = start.size(2) == height && start.size(3) == width;
        return (isSize ? start : F.interpolate(start, size: [height, width], mode: InterpolationMode.Area)).MoveToOuterDisposeScope();
    }
}
