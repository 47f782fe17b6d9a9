namespace StreamDiff.Transport.Media;

/// <summary>What to write and how to compress it.</summary>
public sealed record FileSinkOptions
{
    /// <summary>
    /// A path whose extension names the container (mp4, mov, mkv, webm, ts, avi, gif) or a still of one frame (png, jpg), or <c>null:</c>
    /// to write nothing.
    /// </summary>
    public required string Output { get; init; }

    /// <summary>
    /// FFmpeg's name of an encoder or codec; default "auto": libx264 where the container can hold H.264, else the container's own.
    /// </summary>
    public string VideoCodec { get; init; } = "auto";

    /// <summary>
    /// Constant quality, lower is better, in the encoder's own scale; null (the default) is the encoder's default (libx264: 23).
    /// </summary>
    public int? Crf { get; init; }

    /// <summary>Speed against size in libx264's words, translated for other encoders; default "veryfast".</summary>
    public string Preset { get; init; } = "veryfast";

    /// <summary>FFmpeg's name of the encoded pixel format; null (the default) is yuv420p where the encoder takes it.</summary>
    public string? PixelFormat { get; init; }

    /// <summary>
    /// True for pictures with transparency: a codec and a container that hold it are needed, such as mov, webm or a png. Default false.
    /// </summary>
    public bool HasAlpha { get; init; }

    /// <summary>Bits a second of sound that must be encoded again; default 160,000.</summary>
    public int AudioBitRate { get; init; } = 160_000;

    /// <summary>Set for an output whose time does not wait; null (the default) for files.</summary>
    public LiveEncoding? Live { get; init; }
}
