namespace StreamDiff.Fleet.Tests.Support;

/// <summary>A test of what only root may do; the others are told that it was left out, and why.</summary>
[AttributeUsage(AttributeTargets.Method)]
internal sealed class RootFactAttribute : FactAttribute
{
    /// <param name="why">What root is needed for.</param>
    public RootFactAttribute(string why)
    {
        Why = why;
        if (!Environment.IsPrivilegedProcess)
            Skip = $"run as root: {why}";
    }

    public string Why { get; }
}
