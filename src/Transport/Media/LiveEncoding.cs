namespace StreamDiff.Transport.Media;

/// <summary>How pictures are compressed for an output whose time does not wait.</summary>
/// <param name="BitRate">Bits a second of the pictures.</param>
/// <param name="KeyFrameSeconds">Time from key frame to key frame; default 2, as streaming services ask for.</param>
/// <param name="IsConstant">
/// True sends filler where pictures need less (NAL HRD of H.264, Annex C); libx264 only. Default false.
/// </param>
public sealed record LiveEncoding(long BitRate, double KeyFrameSeconds = 2, bool IsConstant = false)
{
    private const double BitsPerPixel = 0.1;
    private const long Least = 600_000;
    private const long Most = 8_000_000;

    /// <summary>A tenth of a bit for each pixel, within 0.6 to 8 Mb/s: 1280x720 at 30 frames a second gets 2.8 Mb/s.</summary>
    public static long DefaultBitRate(int width, int height, double frameRate) =>
        (long)Math.Clamp(width * height * frameRate * BitsPerPixel, Least, Most);
}
