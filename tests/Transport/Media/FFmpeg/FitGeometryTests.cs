using CsCheck;
using StreamDiff.Transport.Media;
using StreamDiff.Transport.Media.FFmpeg;

namespace StreamDiff.Transport.Tests.Media.FFmpeg;

public sealed class FitGeometryTests
{
    private static readonly (int, int) EvenChroma = (2, 2);

    [Fact]
    public void Compute_CropWideSource_CutsBothSides() =>
        Assert.Equal(new PixelRect(420, 0, 1080, 1080), FitGeometry.Compute((1920, 1080), 1, (512, 512), FitMode.Crop, EvenChroma).Source);

    [Fact]
    public void Compute_LetterboxWideSource_LeavesBarsAboveAndBelow() =>
        Assert.Equal(
            new PixelRect(0, 112, 512, 288), FitGeometry.Compute((1920, 1080), 1, (512, 512), FitMode.Letterbox, EvenChroma).Target);

    [Fact]
    public void Compute_SameShape_UsesEverything()
    {
        foreach (var fit in Enum.GetValues<FitMode>())
        {
            var geometry = FitGeometry.Compute((720, 576), 64 / 45.0, (1024, 576), fit, EvenChroma);
            Assert.Equal(new FitGeometry(new PixelRect(0, 0, 720, 576), new PixelRect(0, 0, 1024, 576)), geometry);
        }
    }

    [Fact]
    public void Compute_AnySizes_StaysInsideBothPictures() =>
        Gen.Select(Gen.Int[1, 4000], Gen.Int[1, 4000], Gen.Int[1, 2000], Gen.Int[1, 2000], Gen.Double[0.2, 5], Gen.Enum<FitMode>())
            .Sample((w, h, tw, th, aspect, fit) =>
        {
            var (source, target) = FitGeometry.Compute((w, h), aspect, (tw, th), fit, EvenChroma);
            return IsInside(source, w, h) && IsInside(target, tw, th) && source.X % 2 == 0 && source.Y % 2 == 0;
        });

    [Fact]
    public void Compute_Letterbox_BarsHaveEvenEdgesForHalvedColour() =>
        Gen.Select(Gen.Int[1, 4000], Gen.Int[1, 4000], Gen.Int[8, 999], Gen.Int[8, 999], Gen.Double[0.2, 5])
            .Sample((w, h, tw, th, aspect) =>
            {
                var (_, t) = FitGeometry.Compute((w, h), aspect, (2 * tw, 2 * th), FitMode.Letterbox, EvenChroma);
                return t.X % 2 == 0 && t.Y % 2 == 0 && t.Width % 2 == 0 && t.Height % 2 == 0;
            });

    private static bool IsInside(PixelRect part, int width, int height) =>
        part.X >= 0 && part.Y >= 0 && part.Width >= 1 && part.Height >= 1 && part.X + part.Width <= width && part.Y + part.Height <= height;
}
