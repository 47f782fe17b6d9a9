using StreamDiff.Transport.Media;
using StreamDiff.Transport.Media.Stills;
using StreamDiff.Transport.Tests.Support;

namespace StreamDiff.Transport.Tests.Media;

public sealed class StillWriterTests : IDisposable
{
    private static readonly byte[] Rgb = [.. Enumerable.Range(0, 37 * 11 * 3).Select(i => (byte)(i * 7))];
    private readonly TempFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Theory]
    [InlineData("a.png")]
    [InlineData("A.PNG")]
    public void Write_OddSize_ReadsBackExactly(string name)
    {
        StillWriter.Write(_folder.File(name), Rgb, 37, 11);
        Assert.Equal("png", Probe.Stream(_folder.File(name), "v", "codec_name"));
        Assert.Equal(Rgb, Probe.Decoded(_folder.File(name)));
    }

    [Theory]
    [InlineData("a.jpg")]
    [InlineData("a.JPEG")]
    public void Write_Jpeg_IsOneAndHasItsColours(string name)
    {
        // Flat patches of strong colours: what another matrix or range would turn into others.
        var rgb = new byte[48 * 16 * 3];
        byte[][] colours = [[255, 0, 0], [0, 180, 30], [20, 20, 235]];
        for (var i = 0; i < rgb.Length; i++)
        {
            rgb[i] = colours[i / 3 % 48 / 16][i % 3];
        }

        StillWriter.Write(_folder.File(name), rgb, 48, 16);

        Assert.Equal("mjpeg", Probe.Stream(_folder.File(name), "v", "codec_name"));
        var decoded = Probe.Decoded(_folder.File(name));
        Assert.Equal(rgb.Length, decoded.Length);
        Assert.All(rgb.Zip(decoded), p => Assert.InRange(p.Second, p.First - 12, p.First + 12));
    }

    [Theory]
    [InlineData("no/a.png", "does not exist")]
    [InlineData("a.bmp", "must end in .png, .jpg or .jpeg")]
    [InlineData("a", "must end in .png, .jpg or .jpeg")]
    public void Write_NameThatCannotBe_SaysSo(string name, string says)
    {
        var error = Assert.Throws<MediaException>(() => StillWriter.Write(_folder.File(name), new byte[12], 2, 2));
        Assert.Contains(says, error.Message, StringComparison.Ordinal);
        Assert.Empty(Directory.GetFileSystemEntries(_folder.Root));
    }

    [Theory]
    [InlineData("png", "jpg", "mjpeg")]
    [InlineData("png", "png", "png")]
    [InlineData("jpg", "png", "png")]
    [InlineData("jpg", "jpeg", "mjpeg")]
    public void Open_StillInStillOut_IsOneFrameOfItsKind(string input, string output, string codec)
    {
        StillWriter.Write(_folder.File($"in.{input}"), Rgb, 37, 11);
        Conversion.Run(new VideoSourceOptions { Input = _folder.File($"in.{input}"), Width = 37, Height = 11 },
            new FileSinkOptions { Output = _folder.File($"out.{output}") });
        Assert.Equal(codec, Probe.Stream(_folder.File($"out.{output}"), "v", "codec_name"));
        Assert.Equal(Rgb.Length, Probe.Decoded(_folder.File($"out.{output}")).Length);
    }

    [Theory]
    [InlineData("mp4", "auto", "holds one frame, the input has more: name a video such as out.mp4")]
    [InlineData("ts", "auto", "holds one frame, the input has more: name a video such as out.mp4")]
    [InlineData("png", "libx264", "is a still, which has no video codec")]
    public void Open_StillThatCannotBe_SaysWhyAndKeepsTheOlderFile(string input, string codec, string says)
    {
        Clip.Pictures(_folder.File($"in.{input}"), frames: input == "png" ? 1 : 3, codec: input == "png" ? "-c:v png" : "-c:v libx264");
        File.WriteAllText(_folder.File("out.png"), "older");
        var error = Assert.Throws<MediaException>(() =>
            Conversion.Run(new VideoSourceOptions { Input = _folder.File($"in.{input}") },
                new FileSinkOptions { Output = _folder.File("out.png"), VideoCodec = codec }));
        Assert.Contains(says, error.Message, StringComparison.Ordinal);
        Assert.Equal("older", File.ReadAllText(_folder.File("out.png")));
        Assert.Equal(2, Directory.GetFiles(_folder.Root).Length);
    }
}
