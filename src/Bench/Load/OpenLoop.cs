namespace StreamDiff.Bench.Load;

/// <summary>
/// Offers frames by the clock, whether or not anybody keeps up. A frame counts from when it was due, even if this loop itself was late: a
/// load that waits for what it measures would leave the worst moments out.
/// </summary>
public static class OpenLoop
{
    /// <summary>Runs through the arrivals; ends after the last one.</summary>
    /// <param name="arrivals">Times since the start, in order.</param>
    /// <param name="time">The clock.</param>
    /// <param name="offer">Takes the number of the arrival; must not wait.</param>
    /// <param name="cancellation">Ends it early.</param>
    /// <returns>How late each arrival was offered.</returns>
    public static async Task<IReadOnlyList<TimeSpan>> RunAsync(
        IReadOnlyList<TimeSpan> arrivals, TimeProvider time, Action<int> offer, CancellationToken cancellation)
    {
        var start = time.GetTimestamp();
        var late = new List<TimeSpan>(arrivals.Count);
        for (var i = 0; i < arrivals.Count; i++)
        {
            cancellation.ThrowIfCancellationRequested();
            // A timer may ring a little early.
            while (arrivals[i] - time.GetElapsedTime(start) is var left && left > TimeSpan.Zero)
                await Task.Delay(left < Shortest ? Shortest : left, time, cancellation).ConfigureAwait(false);
            late.Add(time.GetElapsedTime(start) - arrivals[i]);
            offer(i);
        }
        return late;
    }

    // Timers count milliseconds; a shorter delay would not wait at all.
    private static readonly TimeSpan Shortest = TimeSpan.FromMilliseconds(1);
}
