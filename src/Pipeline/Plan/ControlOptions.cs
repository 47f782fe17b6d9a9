namespace StreamDiff.Pipeline.Plan;

/// <summary>What changes a run while it goes on, and what is kept of it.</summary>
public sealed record ControlOptions : OptionGroup
{
    /// <summary>File of changes with their times. Null: none.</summary>
    [Option("timeline", "FILE",
        "Changes with their times, one a line, such as: at 00:12 prompt \"a blueprint\" blend 8 (see docs/control.md). Default: none.")]
    public string? Timeline { get; init; }

    /// <summary>Where changes come from: stdin. Null: nowhere.</summary>
    [Option("control", "WHERE", "Take changes while it runs, one command a line: stdin; 'help' lists them. Default: none.",
        Use = OptionUse.Run, Words = ["stdin"], Says = "stdin")]
    public string? Control { get; init; }

    /// <summary>File to write the session to, for a replay. Null: none.</summary>
    [Option("log", "FILE", "Write settings and changes with their chunks, for 'streamdiff replay'. Default: none.",
        Use = OptionUse.Run | OptionUse.Session)]
    public string? Log { get; init; }

    /// <summary>True for a run that nothing changes or records.</summary>
    public bool IsNone => this is { Timeline: null, Control: null, Log: null };
}
