using StreamDiff.Pipeline.Control.Presets;

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

    /// <summary>Where messages of Open Sound Control come, PORT or ADDRESS:PORT. Null: nowhere.</summary>
    [Option("osc", "PORT", "Take changes by Open Sound Control at PORT of this machine, or at ADDRESS:PORT (see docs/playing.md). Default: "
        + "none.", Use = OptionUse.Run | OptionUse.Server)]
    public string? Osc { get; init; }

    /// <summary>Where what took effect is sent as such messages, ADDRESS:PORT. Null: nowhere.</summary>
    [Option("osc-to", "ADDRESS:PORT", "Send what took effect by Open Sound Control, to PORT of this machine or to ADDRESS:PORT. Default: "
        + "none.", Use = OptionUse.Run | OptionUse.Server)]
    public string? OscTo { get; init; }

    /// <summary>Take a MIDI input: any, or what its port is connected to. Null: none.</summary>
    [Option("midi", "SOURCE", "Open the MIDI input 'streamdiff' (ALSA), connected to SOURCE as aconnect names it; 'any' waits for who "
        + "connects. Default: none.", Use = OptionUse.Run | OptionUse.Server)]
    public string? Midi { get; init; }

    /// <summary>True where changes may come while it runs.</summary>
    public bool IsOpen => Control is not null || Osc is not null || Midi is not null;

    /// <summary>File to write the session to, for a replay. Null: none.</summary>
    [Option("log", "FILE", "Write settings and changes with their chunks, for 'streamdiff replay'. Default: none.",
        Use = OptionUse.Run | OptionUse.Session)]
    public string? Log { get; init; }

    /// <summary>What <c>preset NAME</c> stands for. Default: the user's presets and the built-in ones.</summary>
    public PresetLibrary Presets { get; init; } = PresetLibrary.Default;

    /// <summary>True for a run that nothing changes or records.</summary>
    public bool IsNone => this is { Timeline: null, Log: null, OscTo: null } && !IsOpen;
}
