namespace StreamDiff.Pipeline.Telemetry;

/// <summary>A change of state of a live run: told once when it happens, not for each frame.</summary>
/// <param name="At">Time since the run began.</param>
/// <param name="IsTrouble">True for what somebody may want to mend.</param>
/// <param name="Part">"source", "run", or "output" with its name.</param>
/// <param name="State">One word: waiting, open, lost, stopped ...</param>
/// <param name="Text">One line.</param>
public sealed record LiveEvent(TimeSpan At, bool IsTrouble, string Part, string State, string Text)
{
    /// <summary>State of an output that was given nothing when its run ended.</summary>
    public const string NothingDelivered = "nothing delivered";

    /// <summary>The session that it is about, where there may be several. Default null.</summary>
    public string? Session { get; init; }
}
