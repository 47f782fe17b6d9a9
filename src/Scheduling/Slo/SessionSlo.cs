namespace StreamDiff.Scheduling.Slo;

/// <summary>What one session is promised.</summary>
public sealed record SessionSlo
{
    /// <summary>From the first complete chunk to its first restyled picture. Default null: twice <see cref="Deadline"/>.</summary>
    public TimeSpan? FirstFrame { get; init; }

    /// <summary><see cref="FirstFrame"/>, or its default.</summary>
    public TimeSpan FirstFrameLimit => FirstFrame ?? 2 * Deadline;

    /// <summary>From a picture's capture to its hand-over. Default 500 ms.</summary>
    public TimeSpan Deadline { get; init; } = TimeSpan.FromMilliseconds(500);

    /// <summary>Pictures a second that come in and are wanted. Default 16.</summary>
    public double TargetFps { get; init; } = 16;

    /// <summary>What may be given up, first thing first. Default: fewer steps, lower rate, drop.</summary>
    public IReadOnlyList<Degradation> Ladder { get; init; } = [Degradation.FewerSteps, Degradation.LowerFps, Degradation.Drop];

    /// <summary>Share under overload, relative to other sessions. Default 1.</summary>
    public int Weight { get; init; } = 1;

    /// <summary>What is wrong with it, in one line; null when nothing is.</summary>
    public string? Problem => this switch
    {
        { TargetFps: not (> 0 and <= MostFps) } => $"the target rate must be above 0 and at most {MostFps} pictures a second",
        { Deadline: var deadline } when deadline <= TimeSpan.Zero || deadline > Longest => "the deadline must be above 0 and at most a day",
        { FirstFrame: { } first } when first <= TimeSpan.Zero || first > Longest =>
            "the time to the first picture must be above 0 and at most a day",
        { Weight: < 1 } => "the weight must be at least 1",
        _ => null,
    };

    private const int MostFps = 1000;
    private static readonly TimeSpan Longest = TimeSpan.FromDays(1);
}
