namespace StreamDiff.Transport.Media;

/// <summary>A source's account of what it has read.</summary>
/// <param name="DecodedFrames">Pictures decoded.</param>
/// <param name="CorruptPackets">Packets and pictures that were damaged: left out, or shown as far as they could be decoded.</param>
/// <param name="RepairedTimestamps">Pictures whose time was missing, repeated or ran backwards.</param>
/// <param name="Warnings">One line for each kind of trouble, each said once.</param>
public sealed record SourceStatistics(long DecodedFrames, long CorruptPackets, long RepairedTimestamps, IReadOnlyList<string> Warnings)
{
    /// <summary>Nothing read, nothing wrong.</summary>
    public static SourceStatistics Empty { get; } = new(0, 0, 0, []);
}
