namespace StreamDiff.Transport.Media;

/// <summary>The pictures that a source delivers or a sink is given.</summary>
/// <param name="Width">Pixels.</param>
/// <param name="Height">Pixels.</param>
/// <param name="FrameRate">Nominal frames per second; frames carry their own timestamps.</param>
/// <param name="TimeBase">Unit of timestamps, in seconds.</param>
public sealed record VideoStreamInfo(int Width, int Height, Rational FrameRate, Rational TimeBase)
{
    /// <summary>Frames expected in all, where the container tells.</summary>
    public long? FrameCount { get; init; }

    public TimeSpan? Duration { get; init; }

    /// <summary>The coded picture before it was turned, cropped and scaled, for messages.</summary>
    public (int Width, int Height) CodedSize { get; init; }

    /// <summary>Name of the codec, for messages.</summary>
    public string Codec { get; init; } = "";
}

/// <summary>What went wrong while reading without ending the stream.</summary>
/// <param name="Frames">Pictures delivered.</param>
/// <param name="Damaged">Packets or pictures that could not be decoded, or only with errors.</param>
public readonly record struct SourceStatistics(long Frames, long Damaged);
