using StreamDiff.Transport.Media;
using StreamDiff.Transport.Tests.Support;

namespace StreamDiff.Transport.Tests.Media;

public sealed class PngWriterTests
{
    [Fact]
    public void Write_OddSize_ReadsBackExactly()
    {
        using var folder = new TempFolder();
        var rgb = Enumerable.Range(0, 37 * 11 * 3).Select(i => (byte)(i * 7)).ToArray();

        PngWriter.Write(folder.File("a.png"), rgb, 37, 11);

        Assert.Equal(rgb, Probe.Decoded(folder.File("a.png")));
    }

    [Fact]
    public void Write_MissingDirectory_SaysSo()
    {
        using var folder = new TempFolder();
        var error = Assert.Throws<MediaException>(() => PngWriter.Write(folder.File("no/a.png"), new byte[12], 2, 2));
        Assert.Contains("does not exist", error.Message, StringComparison.Ordinal);
    }
}
