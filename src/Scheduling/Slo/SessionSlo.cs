namespace StreamDiff.Scheduling.Slo;

/// <summary>What one session is promised.</summary>
public sealed record SessionSlo
{
    /// <summary>From the first complete chunk to its first restyled picture. Default 1 s.</summary>
    public TimeSpan FirstFrame { get; init; } = TimeSpan.FromSeconds(1);

    /// <summary>From a picture's capture to its hand-over. Default 500 ms.</summary>
    public TimeSpan Deadline { get; init; } = TimeSpan.FromMilliseconds(500);

    /// <summary>Pictures a second that come in and are wanted. Default 16.</summary>
    public double TargetFps { get; init; } = 16;

    /// <summary>What may be given up, first thing first. Default: fewer steps, lower rate, drop.</summary>
    public IReadOnlyList<Degradation> Ladder { get; init; } = [Degradation.FewerSteps, Degradation.LowerFps, Degradation.Drop];

    /// <summary>Share under overload, relative to other sessions. Default 1.</summary>
    public int Weight { get; init; } = 1;
}
