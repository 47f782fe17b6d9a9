namespace StreamDiff.Transport.Media.Encoded;

/// <summary>How much may wait for a reader before all of it goes.</summary>
/// <param name="Longest">From the oldest to the newest picture.</param>
/// <param name="MostBytes">Of all together.</param>
public sealed record ReaderLimits(TimeSpan Longest, long MostBytes)
{
    /// <summary>For one who watches: more than a network's hiccup, less than anybody calls live; 0.5 s and 8 MiB.</summary>
    public static ReaderLimits Viewer { get; } = new(TimeSpan.FromMilliseconds(500), 2 * EncodedPacket.MostBytes);

    /// <summary>For an output: one second, whatever it weighs.</summary>
    public static ReaderLimits Output { get; } = new(TimeSpan.FromSeconds(1), long.MaxValue);
}
