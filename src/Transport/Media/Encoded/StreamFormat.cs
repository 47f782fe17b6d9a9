namespace StreamDiff.Transport.Media.Encoded;

/// <summary>What the packets that follow hold, in the words of WebCodecs.</summary>
/// <param name="Codec">Codec of the frames, such as "vp8", "avc1.42E01F" or "av01.0.04M.08".</param>
/// <param name="Width">Pixels a row.</param>
/// <param name="Height">Rows.</param>
/// <param name="FrameRate">Frames a second; 0 where unknown.</param>
/// <param name="Sound">The sound; null for none.</param>
public sealed record StreamFormat(string Codec, int Width, int Height, double FrameRate, SoundFormat? Sound)
{
    /// <summary>What the decoder needs beforehand; empty where all is in the packets.</summary>
    public ReadOnlyMemory<byte> Description { get; init; }
}

/// <summary>Sound as a browser sends and takes it.</summary>
/// <param name="Codec">"opus".</param>
/// <param name="SampleRate">Samples a second.</param>
/// <param name="Channels">1 or 2.</param>
public sealed record SoundFormat(string Codec, int SampleRate, int Channels)
{
    /// <summary>What the decoder needs beforehand; empty for none.</summary>
    public ReadOnlyMemory<byte> Description { get; init; }
}
