namespace StreamDiff.Transport.Media;

/// <summary>Bounds beyond which a request is a typing error.</summary>
internal static class FrameLimits
{
    /// <summary>Pixels; the largest side that H.264 can code.</summary>
    public const int MaximumSide = 16384;

    /// <summary>Frames a second.</summary>
    public const int MaximumFrameRate = 1000;
}
