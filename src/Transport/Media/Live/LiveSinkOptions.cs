using StreamDiff.Transport.Media.Playlists;

namespace StreamDiff.Transport.Media.Live;

/// <summary>An output of constant frame rate and sound of 48 kHz stereo.</summary>
public sealed record LiveSinkOptions
{
    /// <summary>A file, an <c>rtmp(s)://</c>, <c>srt://</c> or <c>udp://</c> address, <c>v4l2:/dev/videoN</c> or <c>null:</c>.</summary>
    public required string Output { get; init; }

    /// <summary>Takes the output, for players of this process' own server; null (the default) where the address says all.</summary>
    public LivePlaylist? Playlist { get; init; }

    /// <summary>The output, taken apart.</summary>
    public MediaAddress Address => Playlist is null ? MediaAddress.Parse(Output) : MediaAddress.Players;

    /// <summary>Pixels a row.</summary>
    public required int Width { get; init; }

    /// <summary>Rows.</summary>
    public required int Height { get; init; }

    /// <summary>Frames a second; default 30.</summary>
    public Rational FrameRate { get; init; } = new(30, 1);

    /// <summary>FFmpeg's name of an encoder; default "auto": NVENC where it really opens, else libx264.</summary>
    public string VideoCodec { get; init; } = "auto";

    /// <summary>As <see cref="FileSinkOptions.HasAlpha"/>.</summary>
    public bool HasAlpha { get; init; }

    /// <summary>Bits a second of the pictures; null (the default) follows from the size.</summary>
    public long? VideoBitRate { get; init; }

    /// <summary>True sends filler where pictures need less than their bit rate; libx264 only. Default false.</summary>
    public bool IsConstantBitRate { get; init; }

    /// <summary>Encoder's preset in libx264's words; default "veryfast".</summary>
    public string Preset { get; init; } = "veryfast";

    /// <summary>False gives an output without sound; default true.</summary>
    public bool HasSound { get; init; } = true;

    /// <summary>Bits a second of the sound; default 160,000.</summary>
    public int AudioBitRate { get; init; } = 160_000;

    /// <summary>Connecting fails after this; default 10 s. Listeners wait for ever.</summary>
    public TimeSpan OpenTimeout { get; init; } = TimeSpan.FromSeconds(10);

    /// <summary>A connection that takes nothing for this long is given up; default 5 s.</summary>
    public TimeSpan WriteTimeout { get; init; } = TimeSpan.FromSeconds(5);
}
