namespace StreamDiff.Transport.Media.Live;

/// <summary>
/// A piece of sound, 48 kHz stereo, samples interleaved and between -1 and 1. Not to be changed once made: several outputs read it.
/// </summary>
/// <param name="Position">Sample pairs since the beginning.</param>
/// <param name="Samples">Left and right in turn.</param>
public sealed record SoundBlock(long Position, float[] Samples)
{
    /// <summary>Sample pairs a second.</summary>
    public const int Rate = 48_000;

    /// <summary>Left and right.</summary>
    public const int Channels = 2;

    /// <summary>Sample pairs in it.</summary>
    public int Count => Samples.Length / Channels;
}
