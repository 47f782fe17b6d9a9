namespace StreamDiff.Transport.Media;

/// <summary>How a picture of another shape is brought to the wanted size.</summary>
public enum FitMode
{
    /// <summary>Fills the size; what does not fit is cut off evenly. The default.</summary>
    Crop,

    /// <summary>Shows everything; black bars fill the rest.</summary>
    Letterbox,

    /// <summary>Shows everything, distorted.</summary>
    Stretch,
}

/// <summary>What to read.</summary>
public sealed record SourceOptions
{
    /// <summary>A file, or <c>test:PATTERN[?size=WxH&amp;rate=R&amp;duration=SECONDS]</c>.</summary>
    public required string Input { get; init; }

    /// <summary>Size of the pictures delivered, in pixels. Null: the source's own, with square pixels.</summary>
    public (int Width, int Height)? Size { get; init; }

    public FitMode Fit { get; init; } = FitMode.Crop;

    /// <summary>Constant frame rate to resample to. Null: the source's own timing.</summary>
    public Rational? FrameRate { get; init; }

    /// <summary>False leaves the sound out.</summary>
    public bool Audio { get; init; } = true;
}

/// <summary>What to write.</summary>
public sealed record SinkOptions
{
    /// <summary>A file, its extension choosing the container, or <c>null:</c>.</summary>
    public required string Output { get; init; }

    /// <summary>FFmpeg's name of the video encoder. Null: libx264, or what the container can hold.</summary>
    public string? VideoCodec { get; init; }

    /// <summary>Constant quality (crf), lower is better. Null: 20 for x264, the encoder's own otherwise.</summary>
    public int? Quality { get; init; }

    /// <summary>Encoder preset. Null: veryfast for x264 and x265.</summary>
    public string? Preset { get; init; }
}
