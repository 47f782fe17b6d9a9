namespace StreamDiff.Bench.Load;

/// <summary>How frames arrive.</summary>
public enum LoadKind
{
    /// <summary>One frame every period.</summary>
    Steady,

    /// <summary>
    /// Groups of frames at once after a pause, the mean rate kept: a network that holds frames back and gives them in one go.
    /// </summary>
    Bursty,

    /// <summary>The rate grows evenly from half the nominal one to one and a half times it.</summary>
    Ramp,

    /// <summary>Steady, but a camera that now and then gives nothing for a second; what it would have given never comes.</summary>
    Stalls,

    /// <summary>Steady, while other work takes the processors for half of the time.</summary>
    Cpu,
}
