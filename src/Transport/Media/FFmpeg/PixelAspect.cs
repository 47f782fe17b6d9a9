using FFmpeg.AutoGen;

namespace StreamDiff.Transport.Media.FFmpeg;

internal static class PixelAspect
{
    // Beyond this a tag is damage, not a camera.
    private const double Largest = 8;

    /// <summary>Width of a pixel over its height; 1 when not given or absurd.</summary>
    public static double Of(AVRational ratio)
    {
        var aspect = ratio.num > 0 && ratio.den > 0 ? ratio.num / (double)ratio.den : 1;
        return aspect is >= 1 / Largest and <= Largest ? aspect : 1;
    }
}
