using StreamDiff.Models.Vae;
using StreamDiff.Pipeline.Plan;
using StreamDiff.Pipeline.Runs;
using StreamDiff.Pipeline.Stream;
using StreamDiff.Transport.Media;
using StreamDiff.Transport.Media.Opening;
using static TorchSharp.torch;

namespace StreamDiff.Pipeline.Tests.Runs;

/// <summary>Bars of a letterbox go around the model: black when they come out, and never seen by it.</summary>
public sealed class LetterboxTests
{
    private const int Side = 64;

    [Theory]
    [Trait("Category", "Slow")]
    [InlineData(DenoisingMode.StreamBatch, null, false)]
    [InlineData(DenoisingMode.Sequential, null, false)]
    [InlineData(DenoisingMode.StreamBatch, "cpu,cpu", false)]
    [InlineData(DenoisingMode.StreamBatch, null, true)]
    public void Run_SourceChangesItsShape_TheBarsOfEachFrameAreBlack(DenoisingMode mode, string? ranks, bool isControlled)
    {
        using var folder = new TestFolder();
        // Frames twice as wide as high, then some that are twice as high as wide.
        var wide = folder.Make("wide.ts", "-f lavfi -i color=yellow:size=128x64:rate=25 -frames:v 9 -pix_fmt yuv420p -bf 0");
        var tall = folder.Make("tall.ts", "-f lavfi -i color=yellow:size=64x128:rate=25 -frames:v 8 -pix_fmt yuv420p -bf 0");
        File.WriteAllBytes(folder.File("in.ts"), [.. File.ReadAllBytes(wide), .. File.ReadAllBytes(tall)]);
        var options = RestyleOptions.Of(folder.File("in.ts"), folder.File("out.mkv")).With(
            "prompt a watercolor", $"size {Side}x{Side}", "fit letterbox", $"mode {OptionText.Word(mode)}", "threads 1", "codec ffv1",
            $"contact-sheet {folder.File("sheet.png")}", ranks is null ? null : $"ranks {ranks}",
            isControlled ? $"log {folder.File("log")}" : null);
        FileRestyle.Run(options, new Quiet(), CancellationToken.None);

        var frames = Read(options.File());
        var contents = Contents(options.Input.Address.Text);
        var (first, last) = (new PixelRect(0, 16, Side, 32), new PixelRect(16, 0, 32, Side));
        Assert.Equal([first, last], contents.Distinct());
        Assert.Equal(contents.Count, frames.Count);
        for (var i = 0; i < frames.Count; i++)
            AssertBars(frames[i], Side, Side, contents[i], encoded: true);
        // Before above after, four of each with gaps between them: the first column is the first frame.
        var sheet = Assert.Single(Read(options.Output.ContactSheet!));
        var width = sheet.Length / 3 / (2 * Side + 4);
        byte[] Part(int row) => [.. Enumerable.Range(0, Side).SelectMany(y => sheet.AsSpan((row + y) * width * 3, Side * 3).ToArray())];
        AssertBars(Part(0), Side, Side, first);
        AssertBars(Part(Side + 4), Side, Side, first);
    }

    [Theory]
    [InlineData(0, 2, 6, 3)]
    [InlineData(2, 0, 3, 8)]
    [InlineData(1, 3, 4, 2)]
    public void Encode_FrameWithBars_TheNetworkSeesItContinuedByItsEdge(int x, int y, int width, int height)
    {
        using var pool = new FramePool();
        var frame = VideoFrame.Rent(pool, 6, 8);
        frame.Pixels.Clear();
        frame.Content = new PixelRect(x, y, width, height);
        for (var row = y; row < y + height; row++)
            for (var column = x; column < x + width; column++)
                frame.Pixels.Slice(3 * (row * 6 + column), 3).Fill((byte)(10 * row + column + 100));
        using var vae = new Mirror();
        using var encoder = new ChunkEncoder(vae);
        using var chunk = new FrameChunk(0, [frame], [FrameTiming.Of(frame)]);
        using var latents = encoder.Encode(chunk);

        Assert.Equal(new PixelRect(x, y, width, height), latents.Timing[0].Content);
        using var seen = FrameTensors.ToFrames(latents.Latents, 1, pool)[0];
        for (var row = 0; row < 8; row++)
            for (var column = 0; column < 6; column++)
                for (var color = 0; color < 3; color++)
                    Assert.Equal(
                        10 * Math.Clamp(row, y, y + height - 1) + Math.Clamp(column, x, x + width - 1) + 100,
                        seen.Pixels[3 * (row * 6 + column) + color]);
    }

    [Fact]
    public void Decode_HeldWhileTheSourceChangesItsShape_ShowsTheLastFrameAsItWas()
    {
        using var pool = new FramePool();
        using var vae = new Mirror();
        using var decoder = new ChunkDecoder(vae, pool) { CanHold = true };
        var wide = new PixelRect(0, 2, 8, 4);
        using var first = new LatentChunk(0, ones([1, 1, 3, 8, 8]), 0, [new FrameTiming(0, 0, 1, wide)]);
        using var held = new LatentChunk(1, empty(0), 0, [new FrameTiming(1, 1, 1, new PixelRect(2, 0, 4, 8))]) { IsHeld = true };
        foreach (var chunk in new[] { first, held })
        {
            using var frame = decoder.Decode(chunk).Single();
            Assert.Equal(wide, frame.Content);
            AssertBars(frame.Pixels, 8, 8, wide);
        }
    }

    /// <param name="frame">Packed RGB24.</param>
    /// <param name="width">Pixels a row.</param>
    /// <param name="height">Rows.</param>
    /// <param name="content">What is between the bars.</param>
    /// <param name="encoded">True where colour was halved on the way, which spreads it over two pixels beside the content.</param>
    internal static void AssertBars(ReadOnlySpan<byte> frame, int width, int height, PixelRect content, bool encoded = false)
    {
        var spread = encoded ? 2 : 0;
        for (var y = 0; y < height; y++)
            for (var x = 0; x < width; x++)
            {
                var isColumn = x >= content.X - spread && x < content.X + content.Width + spread;
                if (isColumn && y >= content.Y - spread && y < content.Y + content.Height + spread)
                    continue;
                var pixel = frame.Slice(3 * (y * width + x), 3);
                Assert.True(pixel.IndexOfAnyExcept((byte)0) < 0,
                    $"pixel ({x}, {y}) of a bar is not black but {pixel[0]} {pixel[1]} {pixel[2]}");
            }
        Assert.True(frame.IndexOfAnyInRange((byte)64, (byte)255) >= 0, "there is nothing between the bars");
    }

    private static List<PixelRect> Contents(string file)
    {
        var options = new VideoSourceOptions { Input = file, ReadAudio = false, Width = Side, Height = Side, Fit = FitMode.Letterbox };
        using var source = MediaSources.Open(options);
        var contents = new List<PixelRect>();
        while (source.Read(CancellationToken.None) is VideoFrame frame)
        {
            contents.Add(frame.Content!.Value);
            frame.Dispose();
        }
        return contents;
    }

    internal static List<byte[]> Read(string file)
    {
        using var source = MediaSources.Open(new VideoSourceOptions { Input = file, ReadAudio = false });
        var frames = new List<byte[]>();
        while (source.Read(CancellationToken.None) is VideoFrame frame)
        {
            frames.Add(frame.Pixels.ToArray());
            frame.Dispose();
        }
        return frames;
    }

    /// <summary>Gives back what it is given.</summary>
    private sealed class Mirror : IVae, IVaeEncoder, IVaeDecoder
    {
        public Device Device => CPU;

        public ScalarType Type => ScalarType.Float32;

        public IVaeEncoder OpenEncoder() => this;

        public IVaeDecoder OpenDecoder() => this;

        public Tensor Encode(Tensor pixels) => pixels.clone();

        public Tensor Decode(Tensor latents) => latents.clone();

        public void Reset()
        {
        }

        public void Dispose()
        {
        }
    }

    private sealed class Quiet : IProgress<RestyleProgress>
    {
        public void Report(RestyleProgress value)
        {
        }
    }
}
