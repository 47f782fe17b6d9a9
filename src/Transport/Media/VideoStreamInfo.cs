namespace StreamDiff.Transport.Media;

/// <summary>
/// The pictures that a source yields, after rotation, fit and resampling; also what a sink is told of the pictures it will get.
/// </summary>
/// <param name="Width">Pixels a row.</param>
/// <param name="Height">Rows.</param>
/// <param name="FrameRate">Frames a second; the average where the rate varies.</param>
/// <param name="TimeBase">Seconds per tick of <see cref="MediaUnit.Pts"/>.</param>
/// <param name="FrameCountEstimate">Frames to expect, null when unknown.</param>
/// <param name="Duration">Length, null when unknown.</param>
public sealed record VideoStreamInfo(
    int Width, int Height, Rational FrameRate, Rational TimeBase, long? FrameCountEstimate = null, TimeSpan? Duration = null)
{
    /// <summary>The file that is read, null for anything else. A sink refuses to write to it.</summary>
    public string? SourcePath { get; init; }

    /// <summary>FFmpeg's name of the source's codec, such as "h264"; null where there is none.</summary>
    public string? Codec { get; init; }

    /// <summary>Size of the coded picture, before rotation, pixel aspect and fit.</summary>
    public (int Width, int Height) CodedSize { get; init; }

    /// <summary>Clockwise turn in degrees (0, 90, 180 or 270) that has been applied.</summary>
    public int Rotation { get; init; }
}
