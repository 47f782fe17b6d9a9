using StreamDiff.Scheduling.Slo;

namespace StreamDiff.Pipeline.Plan;

/// <summary>What only a session of a server has.</summary>
public sealed record SessionOptions : OptionGroup
{
    private static readonly SessionSlo Usual = new();

    /// <summary>Unique on its server, without spaces and quotation marks.</summary>
    [Option("name", "NAME", "What the session is called, without spaces. Required.", Use = OptionUse.Session)]
    public string Name { get; init; } = "";

    /// <summary>See <see cref="SessionSlo.FirstFrame"/>.</summary>
    [Option("first-frame", "MS", "Milliseconds from the first complete chunk to its first restyled picture. Default: twice the deadline.",
        Use = OptionUse.Session), Limits(1, 600_000, Unit = "milliseconds")]
    public TimeSpan? FirstFrame { get; init; }

    /// <summary>See <see cref="SessionSlo.Weight"/>.</summary>
    [Option("weight", "N", "Share under overload, relative to other sessions. Default: 1.", Use = OptionUse.Session), Limits(1, 100)]
    public int Weight { get; init; } = Usual.Weight;

    /// <summary>See <see cref="SessionSlo.Ladder"/>.</summary>
    [Option("ladder", "LIST",
        "What is given up under load, first thing first: fewer-steps, tiny-vae, lower-resolution, lower-fps, drop; or none. Default: "
        + "fewer-steps,lower-fps,drop.", Use = OptionUse.Session)]
    public ValueList<Degradation> Ladder { get; init; } = new(Usual.Ladder);

    /// <summary>True begins it again, after growing pauses, whenever it has failed. Default false.</summary>
    [Option("restart", "true|false", "Begin it again, after growing pauses, whenever it has failed. Default: false.",
        Use = OptionUse.Session)]
    public bool Restarts { get; init; }

    /// <summary>What the session is promised.</summary>
    public SessionSlo Slo(RestyleOptions options) => new()
    {
        FirstFrame = FirstFrame,
        Weight = Weight,
        Ladder = Ladder,
        Deadline = options.Live.Deadline ?? Usual.Deadline,
        TargetFps = options.Frame.Rate?.ToDouble() ?? Usual.TargetFps,
    };
}

/// <summary>A session that can begin.</summary>
/// <param name="Name">Unique.</param>
/// <param name="Options">Checked.</param>
/// <param name="Slo">What it is promised.</param>
/// <param name="Restarts">True where it begins again, after growing pauses, whenever it has failed.</param>
public sealed record SessionPlan(string Name, RestyleOptions Options, SessionSlo Slo, bool Restarts = false);
