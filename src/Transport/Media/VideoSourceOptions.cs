namespace StreamDiff.Transport.Media;

/// <summary>What to read and how to hand it on.</summary>
public sealed record VideoSourceOptions
{
    /// <summary>
    /// A path or URL that FFmpeg reads, or <c>test:&lt;pattern&gt;[?size=WxH&amp;rate=R&amp;duration=S]</c> for a built-in picture.
    /// </summary>
    public required string Input { get; init; }

    /// <summary>Width of the frames; null (the default) follows from the height and the source's shape, or is the source's.</summary>
    public int? Width { get; init; }

    /// <summary>Height of the frames; null (the default) follows from the width and the source's shape, or is the source's.</summary>
    public int? Height { get; init; }

    /// <summary>What happens when the source has another shape; default <see cref="FitMode.Crop"/>.</summary>
    public FitMode Fit { get; init; } = FitMode.Crop;

    /// <summary>Frames a second: frames are repeated or left out to match. Null (the default) keeps the source's own times.</summary>
    public Rational? FrameRate { get; init; }

    /// <summary>
    /// Where in a file the frames and the sound begin, and what becomes their time zero: the first frame is the first at or after it. Null
    /// (the default) is the beginning.
    /// </summary>
    public TimeSpan? Start { get; init; }

    /// <summary>How much of the input's time is taken, from <see cref="Start"/> on; null (the default) is all.</summary>
    public TimeSpan? Duration { get; init; }

    /// <summary>False leaves the sound out; default true.</summary>
    public bool ReadAudio { get; init; } = true;

    /// <summary>Threads of the video decoder; default half the processors, at least 1, at most 4.</summary>
    public int DecoderThreads { get; init; } = Math.Clamp(Environment.ProcessorCount / 2, 1, 4);

    /// <summary>
    /// True opens the input for the least delay and treats its time as one that does not wait; the default follows from the address
    /// (<see cref="Live.MediaAddress.IsLive"/>).
    /// </summary>
    public bool? IsLive { get; init; }

    /// <summary>A read that waits longer than this ends the input; null (the default) waits for ever.</summary>
    public TimeSpan? StallTimeout { get; init; }

    /// <summary>
    /// Opening fails when it takes longer than this; null (the default) waits for ever. Listeners begin to count when a sender has come.
    /// </summary>
    public TimeSpan? OpenTimeout { get; init; }

    /// <summary>Where frames take their memory; null (the default) gives the source a pool of its own.</summary>
    public FramePool? Pool { get; init; }
}
