using StreamDiff.Transport.Media.Live;

namespace StreamDiff.Pipeline.Plan;

/// <summary>Where frames and sound come from.</summary>
public sealed record InputOptions : OptionGroup
{
    /// <summary>A file, a built-in source such as <c>test:camera</c>, or something live.</summary>
    [Option("input", "FILE",
        "Video to restyle; or a built-in test picture such as test:camera?size=640x360&rate=30&duration=5; or something live: "
        + "rtmp://host/app/key, rtmp://0.0.0.0:1935/app/key?listen=1, srt://host:port?mode=caller|listener, udp://, http://, "
        + "v4l2:/dev/video0, screen:, browser: (the page of 'streamdiff studio'). Required.", Alias = "-i",
        Use = OptionUse.Run | OptionUse.Session)]
    public MediaAddress Address { get; init; } = MediaAddress.Parse("");

    /// <summary>What is passed over; its first frame at or after that time is the first. Null: nothing. Not for live inputs.</summary>
    [Option("start", "SECONDS", "Begin so far into the input, with its first frame at or after that time. Default: 0.")]
    [Limits(0, 1e9, Says = "from 0 seconds on")]
    public TimeSpan? Start { get; init; }

    /// <summary>So much of the input is taken; a live run stops after so long. Null: no limit.</summary>
    [Option("duration", "SECONDS", "Take so many seconds of the input; a live run stops after so long. Default: no limit.")]
    [Limits(0, 1e9, IsAbove = true, Says = "above 0 seconds")]
    public TimeSpan? Duration { get; init; }

    /// <summary>False leaves the sound out.</summary>
    [Option("audio", "BOOL", "Keep the sound; --no-audio leaves it out. Default: true.")]
    public bool Audio { get; init; } = true;

    /// <summary>
    /// How long a live run waits for a source of which nothing was seen yet, <see cref="TimeSpan.MaxValue"/> for ever. Null: ten seconds
    /// for a server that does not answer, not at all for what does not exist. Whoever waits for senders does so for ever.
    /// </summary>
    [Option("wait-for-source", "SECONDS",
        "Live: wait so long for a source that is not there yet, whatever the reason; alone or true: for ever. "
        + "Default: 10 for a server that does not answer; what does not exist is an error at once.", MayStandAlone = true)]
    [Limits(0, Unit = "seconds")]
    public TimeSpan? WaitForSource { get; init; }

    /// <summary>
    /// Time after which a live run ends when nothing comes from its source, be it lost or never seen: a browser that does not come back.
    /// Null: never.
    /// </summary>
    [Option("source-gone", "SECONDS",
        "Live: end when nothing has come from the source for so long, such as a browser that does not come back. Default: never, the "
        + "fallback stands in.")]
    [Limits(1, 1_000_000, Unit = "seconds")]
    public TimeSpan? SourceGone { get; init; }
}
