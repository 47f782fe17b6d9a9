using StreamDiff.Transport.Media;
using StreamDiff.Transport.Media.Opening;
using StreamDiff.Transport.Tests.Support;

namespace StreamDiff.Transport.Tests.Media.FFmpeg;

/// <summary>Stills that FFmpeg cannot decode are named as what they are.</summary>
public sealed class StillHeaderTests : IDisposable
{
    private readonly TempFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void Open_AnimatedWebP_IsNamed()
    {
        // VP8X with the animation flag, a canvas of 64x64, then a frame of nothing.
        byte[] bytes = [.. "RIFF"u8, 60, 0, 0, 0, .. "WEBPVP8X"u8, 10, 0, 0, 0, 2, 0, 0, 0, 63, 0, 0, 63, 0, 0, .. "ANIM"u8, 6, 0, 0, 0,
            .. new byte[6], .. "ANMF"u8, 16, 0, 0, 0, .. new byte[16]];
        Assert.Contains("animated WebP", Refusal("a.webp", bytes), StringComparison.Ordinal);
    }

    [Fact]
    public void Open_PngWithImpossibleSides_SaysTheSides()
    {
        byte[] bytes = [0x89, .. "PNG\r\n\u001a\n"u8, 0, 0, 0, 13, .. "IHDR"u8, 0, 1, 0x86, 0xa0, 0, 1, 0x86, 0xa0, 8, 2, 0, 0, 0,
            .. new byte[64]];
        Assert.Contains("100000x100000", Refusal("a.png", bytes), StringComparison.Ordinal);
    }

    private string Refusal(string name, byte[] bytes)
    {
        File.WriteAllBytes(_folder.File(name), bytes);
        var refused = Assert.Throws<MediaException>(() =>
        {
            using var source = MediaSources.Open(new VideoSourceOptions { Input = _folder.File(name) });
            while (source.Read(CancellationToken.None) is { } unit)
                unit.Dispose();
        });
        Assert.DoesNotContain('\n', refused.Message);
        return refused.Message;
    }
}
