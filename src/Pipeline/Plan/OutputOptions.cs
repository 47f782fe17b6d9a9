using StreamDiff.Transport.Media;
using StreamDiff.Transport.Media.Live;

namespace StreamDiff.Pipeline.Plan;

/// <summary>Where frames and sound go, and how they are encoded.</summary>
public sealed record OutputOptions : OptionGroup
{
    private const string UsualPreset = "veryfast";

    /// <summary>Files, whose extensions choose the container, or live outputs; <c>null:</c> writes nothing.</summary>
    [Option("output", "FILE",
        "Video to write, the extension naming the container (.mp4, .mkv, .webm ...); or rtmp(s)://, srt://, udp://, "
        + "hls:/folder/stream.m3u8, v4l2:/dev/videoN; "
        + "null: writes nothing. Several times: all of them at once. Required.", Alias = "-o", Use = OptionUse.Run | OptionUse.Session)]
    public ValueList<MediaAddress> Addresses { get; init; } = [];

    /// <summary>FFmpeg's name of the video encoder. Null: libx264, or what the container can hold.</summary>
    [Option("codec", "NAME",
        "Video encoder, such as libx264, libx265, libvpx-vp9 or h264_nvenc. Default: libx264, or what the container can hold.")]
    public string? Codec { get; init; }

    /// <summary>Constant quality, lower is better. Null: 20 for x264, the encoder's own otherwise.</summary>
    [Option("quality", "N",
        "Constant quality of the encoder of file runs, lower is better; live runs have --bitrate. Default: 20 for x264.")]
    [Limits(0, 63)]
    public int? Quality { get; init; }

    /// <summary>Encoder preset. Null: veryfast for x264 and x265, the encoder's own otherwise.</summary>
    [Option("preset", "NAME", "Preset of the encoder, such as veryfast. Default: veryfast for x264 and x265.")]
    public string? Preset { get; init; }

    /// <summary>True makes what <c>key</c> takes out transparent, where container and codec hold that.</summary>
    [Option("alpha", "BOOL",
        "What 'key' takes out is transparent in the output (.mov, .webm, .mkv, .png), and not the input's colour. Default: false.",
        MayStandAlone = true, Use = OptionUse.Run | OptionUse.Session)]
    public bool HasAlpha { get; init; }

    /// <summary>Kilobits a second of a live run's frames. Null: by size and rate.</summary>
    [Option("bitrate", "KBIT", "Live: most kilobits a second of the pictures. Default: a tenth of a bit for each pixel.")]
    [Limits(50, 200_000, Unit = "kbit/s")]
    public int? BitRate { get; init; }

    /// <summary>True sends filler where a live run's pictures need less than <see cref="BitRate"/>.</summary>
    [Option("cbr", "BOOL",
        "Live: constant bit rate for rtmp, srt and udp outputs: filler where pictures need less; libx264 only. Default: false, what "
        + "pictures do not need is not sent.", MayStandAlone = true)]
    public bool IsConstantBitRate { get; init; }

    /// <summary>Length of each file of a live recording. Null: one file.</summary>
    [Option("segment-time", "SECONDS", "Live: begin a new, numbered file after so long. Default: one file."), Limits(1, Unit = "second")]
    public TimeSpan? SegmentTime { get; init; }

    /// <summary>Still for a few frames before and after. Null: none.</summary>
    [Option("contact-sheet", "FILE",
        "Write a few frames before and after as one still: .png, .jpg or .jpeg; not in live runs. Default: none.", Use = OptionUse.Run)]
    public string? ContactSheet { get; init; }

    /// <summary>How a file is encoded.</summary>
    internal FileSinkOptions ForFile(string output) => new()
    {
        Output = output,
        VideoCodec = Codec ?? "auto",
        // A restyled picture is seen, not stored for editing: a little above x264's own default.
        Crf = Quality ?? (Codec is null or "libx264" && !HasAlpha ? 20 : null),
        Preset = Preset ?? UsualPreset,
        HasAlpha = HasAlpha,
    };

    /// <summary>How a live output is encoded.</summary>
    internal LiveSinkOptions ForLive(string output, (int Width, int Height) size, Rational rate, bool hasSound) => new()
    {
        Output = output,
        Width = size.Width,
        Height = size.Height,
        FrameRate = rate,
        HasSound = hasSound,
        VideoCodec = Codec ?? "auto",
        VideoBitRate = BitRate * 1000L,
        IsConstantBitRate = IsConstantBitRate,
        Preset = Preset ?? UsualPreset,
        HasAlpha = HasAlpha,
    };
}
