namespace StreamDiff.Pipeline.Plan;

/// <summary>What a run at the speed of time keeps to.</summary>
public sealed record LiveOptions : OptionGroup
{
    /// <summary>What a live run shows while its source is gone: the last frame, or colour bars.</summary>
    public const string Last = "last", Slate = "slate";

    private static readonly TimeSpan UsualJitter = TimeSpan.FromSeconds(1);

    /// <summary>True runs as a live one even where neither input nor output is live: constant frame rate, at the speed of time.</summary>
    [Option("live", "BOOL",
        "Run at the speed of time with a constant frame rate (--fps, 30 by default) even if input and output are files. Default: "
        + "where one of them is live, or a deadline is given.", Use = OptionUse.Run, MayStandAlone = true)]
    public bool IsAsked { get; init; }

    /// <summary>
    /// From a frame's capture to its hand-over; to keep to it, steps and then frames are given up. Null: as fast as it goes, nothing
    /// given up. A run with a deadline is a live one: frames of a file are captured when they are due.
    /// </summary>
    [Option("deadline", "MS",
        "Live: milliseconds from a picture's capture to its hand-over; to keep to it, steps and then pictures are given up, and taken "
        + "back. A file is then played at the speed of time. Default: none, nothing is given up.")]
    [Limits(1, 60_000, Unit = "milliseconds")]
    public TimeSpan? Deadline { get; init; }

    /// <summary>
    /// The longest that pictures of a live source are held so that those which come in bursts leave evenly; how long is measured. Null:
    /// a second, or half the deadline where there is one.
    /// </summary>
    [Option("jitter", "MS",
        "Live: hold pictures that come in bursts for at most so many milliseconds, so that they leave evenly; a steady source is not "
        + "held. 0 holds none; auto: 1000, or half of --deadline. Default: auto.", MayBeAuto = true)]
    [Limits(0, 10_000, Says = "from 0 to 10000 milliseconds, or auto")]
    public TimeSpan? Jitter { get; init; }

    /// <summary><see cref="Jitter"/>, or what stands for it.</summary>
    public TimeSpan MostJitter => Jitter ?? (Deadline / 2 is { } half && half < UsualJitter ? half : UsualJitter);

    /// <summary><see cref="Last"/>, <see cref="Slate"/> or an image file.</summary>
    [Option("fallback", "WHAT",
        "Live: what is shown while the source is gone: last, slate (colour bars) or an image file. Default: last.")]
    public string Fallback { get; init; } = Last;

    /// <summary>The image file of <see cref="Fallback"/>; null where it is none.</summary>
    public string? FallbackFile => Fallback is Last or Slate ? null : Fallback;
}
