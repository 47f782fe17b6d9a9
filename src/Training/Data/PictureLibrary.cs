using SkiaSharp;
using StreamDiff.Models;
using StreamDiff.Models.Native;
using StreamDiff.Transport.Media;
using static TorchSharp.torch;
using F = TorchSharp.torch.nn.functional;

namespace StreamDiff.Training.Data;

/// <summary>
/// Real pictures from a folder, on the device that trains: photographs, cut-outs (pictures with transparent parts), and video, as files or
/// as folders of numbered frames.
/// </summary>
public sealed class PictureLibrary : IDisposable
{
    private const int MostFrames = 240;
    private const int VideoWidth = 512;
    private const int VideoHeight = 288;
    private const int LeastSide = 160;
    // Each half the size of the one before: a camera that is far away must not see single pixels.
    private const int Levels = 4;
    private const double TransparentShare = 0.05;

    private static readonly string[] PictureEndings = [".jpg", ".jpeg", ".png", ".webp"];
    private static readonly string[] VideoEndings = [".mp4", ".avi", ".mkv", ".mov", ".webm"];

    private readonly List<Tensor> _owned = [];
    private readonly List<IReadOnlyList<Tensor>> _stills = [];
    private readonly List<IReadOnlyList<Tensor>> _cutOuts = [];
    private readonly List<Tensor> _videos = [];

    private PictureLibrary()
    {
    }

    /// <summary>Photographs, uint8 [1, 3, H, W], each in full, half, quarter and eighth size.</summary>
    public IReadOnlyList<IReadOnlyList<Tensor>> Stills => _stills;

    /// <summary>The same with transparency as fourth channel.</summary>
    public IReadOnlyList<IReadOnlyList<Tensor>> CutOuts => _cutOuts;

    /// <summary>Video, uint8 [frames, 3, H, W].</summary>
    public IReadOnlyList<Tensor> Videos => _videos;

    /// <summary>Reads everything below folders; what is neither picture nor video is left out.</summary>
    /// <exception cref="ModelException">A folder is missing, or has neither photographs nor video.</exception>
    public static PictureLibrary Load(IReadOnlyList<string> folders, Device device)
    {
        if (folders.FirstOrDefault(f => !Directory.Exists(f)) is { } absent)
            throw new ModelException($"{absent} is missing: --clips takes a folder with pictures or video");
        var library = new PictureLibrary();
        using var quiet = no_grad();
        try
        {
            foreach (var folder in folders)
                library.Add(folder, device);
            return library._stills.Count + library._videos.Count > 0 ? library
                : throw new ModelException($"{string.Join(", ", folders)}: there are no photographs and no video in it");
        }
        catch
        {
            library.Dispose();
            throw;
        }
    }

    public void Dispose() => _owned.ForEach(t => t.Dispose());

    private void Add(string folder, Device device)
    {
        var files = Directory.GetFiles(folder).Order(StringComparer.Ordinal).ToList();
        var pictures = files.FindAll(f => PictureEndings.Contains(Path.GetExtension(f), StringComparer.OrdinalIgnoreCase));
        if (IsSequence(pictures))
            AddSequence(pictures, device);
        else
            pictures.ForEach(p => AddPicture(p, device));
        foreach (var video in files.Where(f => VideoEndings.Contains(Path.GetExtension(f), StringComparer.OrdinalIgnoreCase)))
        {
            using var clip = ClipReader.Read(video, MostFrames, VideoWidth, VideoHeight);
            using var bytes = clip.mul(Scalars.Of(255f)).round().to_type(ScalarType.Byte);
            Keep(_videos, bytes, device);
        }
        foreach (var inner in Directory.GetDirectories(folder).Order(StringComparer.Ordinal))
            Add(inner, device);
    }

    // 0001.jpg, 0002.jpg and so on.
    private static bool IsSequence(List<string> pictures) =>
        pictures.Count > 8 && pictures.TrueForAll(p => Path.GetFileNameWithoutExtension(p).All(char.IsAsciiDigit));

    private void AddSequence(List<string> pictures, Device device)
    {
        using var scope = NewDisposeScope();
        var frames = pictures.Take(MostFrames).Select(p => Read(p)).OfType<Tensor>().ToList();
        Keep(_videos, cat([.. frames.Where(f => f.shape.SequenceEqual(frames[0].shape))]).narrow(1, 0, 3), device);
    }

    private void AddPicture(string path, Device device)
    {
        using var scope = NewDisposeScope();
        if (Read(path) is not { } picture || Math.Min(picture.size(2), picture.size(3)) < LeastSide)
            return;
        var seen = picture.narrow(1, 3, 1).to_type(ScalarType.Float32);
        var isCutOut = seen.lt(Scalars.Of(128f)).to_type(ScalarType.Float32).mean().item<float>() > TransparentShare;
        var levels = new List<Tensor>();
        var full = (isCutOut ? picture : picture.narrow(1, 0, 3)).to_type(ScalarType.Float32);
        for (var level = 0; level < Levels; level++)
        {
            Keep(levels, full.round().to_type(ScalarType.Byte), device);
            full = F.avg_pool2d(full, [2, 2], [2, 2]);
        }
        (isCutOut ? _cutOuts : _stills).Add(levels);
    }

    // uint8 [1, 4, H, W], colours not multiplied by their opacity; null for what is no picture.
    private static Tensor? Read(string path)
    {
        using var codec = SKCodec.Create(path);
        if (codec is null)
            return null;
        using var bitmap = SKBitmap.Decode(codec, new SKImageInfo(
            codec.Info.Width, codec.Info.Height, SKColorType.Rgba8888, SKAlphaType.Unpremul));
        if (bitmap is null)
            return null;
        using var packed = empty([bitmap.Height, bitmap.Width, 4], ScalarType.Byte);
        bitmap.GetPixelSpan().CopyTo(TensorMemory.Span<byte>(packed));
        return packed.permute(2, 0, 1).unsqueeze(0).contiguous();
    }

    private void Keep(List<Tensor> list, Tensor bytes, Device device)
    {
        var kept = bytes.to(device).contiguous().clone().DetachFromDisposeScope();
        _owned.Add(kept);
        list.Add(kept);
    }
}
