using System.Globalization;

namespace StreamDiff.Transport.Media.Live;

/// <summary>Encoded pictures as an output wants them; outputs that want the same may share one encoder.</summary>
/// <param name="Container">FFmpeg's name of a container that holds them; Matroska wherever that is one.</param>
/// <param name="Encoding">Encoder and its settings; the address in it is empty.</param>
/// <param name="Video">Size and rate; ticks are one picture each.</param>
public sealed record PictureStream(string Container, FileSinkOptions Encoding, VideoStreamInfo Video)
{
    /// <summary>Pictures that are not encoded, for an output that throws them away.</summary>
    public static PictureStream Unencoded(VideoStreamInfo video) =>
        new("", new FileSinkOptions { Output = "", VideoCodec = "none" }, video);

    /// <summary>
    /// True (the default) where the encoder makes a key frame when it is asked for one; false where it must begin anew for that, and serves
    /// one output only.
    /// </summary>
    public bool MakesKeys { get; init; } = true;

    /// <summary>False where nothing is encoded.</summary>
    public bool IsEncoded => Container.Length > 0;

    /// <summary>In words, such as "libx264 640x360 at 30 fps, 0.8 Mb/s".</summary>
    public override string ToString() => string.Create(CultureInfo.InvariantCulture,
        $"{Encoding.VideoCodec} {Video.Width}x{Video.Height} at {Video.FrameRate.ToDouble():0.##} fps{Rate(Encoding.Live)}");

    private static string Rate(LiveEncoding? live) => live is null ? "" : string.Create(CultureInfo.InvariantCulture,
        $", {live.BitRate / 1e6:0.0##} Mb/s{(live.IsConstant ? " constant" : "")}, key frames every {live.KeyFrameSeconds:0.##} s");
}

/// <summary>Encoded sound, 48 kHz stereo, as an output wants it.</summary>
/// <param name="Encoder">FFmpeg's name of the encoder.</param>
/// <param name="BitRate">Bits a second.</param>
public sealed record SoundStream(string Encoder, int BitRate)
{
    /// <summary>In words, such as "aac, 160 kb/s".</summary>
    public override string ToString() => string.Create(CultureInfo.InvariantCulture, $"{Encoder}, {BitRate / 1000} kb/s");
}

/// <summary>What an output is made of.</summary>
/// <param name="Pictures">Its pictures.</param>
/// <param name="Sound">Its sound; null for none.</param>
/// <param name="KeyFrameEvery">
/// It cuts its stream at key frames so far apart, counted from its own first one; null for an output that is in one piece.
/// </param>
public sealed record OutputStreams(PictureStream Pictures, SoundStream? Sound, TimeSpan? KeyFrameEvery = null);
