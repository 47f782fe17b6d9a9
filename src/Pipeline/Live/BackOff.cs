namespace StreamDiff.Pipeline.Live;

/// <summary>
/// How long to wait before the next attempt: twice as long each time, and the shortest again after something has worked for a while.
/// </summary>
internal sealed class BackOff(TimeSpan longest)
{
    private static readonly TimeSpan Shortest = TimeSpan.FromMilliseconds(250);
    private static readonly TimeSpan Steady = TimeSpan.FromSeconds(5);
    private TimeSpan _next = Shortest;

    /// <summary>The wait after a failure.</summary>
    /// <param name="worked">How long it had worked before it failed.</param>
    public TimeSpan After(TimeSpan worked)
    {
        var wait = worked >= Steady ? Shortest : _next;
        _next = wait * 2 < longest ? wait * 2 : longest;
        return wait;
    }
}
