namespace StreamDiff.Pipeline.Runs;

/// <summary>Times that are longer than timers of the runtime take.</summary>
public static class LongTimes
{
    // A timer takes less than 2^32 - 1 milliseconds, 49.7 days.
    private static readonly TimeSpan Longest = TimeSpan.FromDays(40);

    /// <summary>Cancels after a time, however long.</summary>
    /// <param name="source">What is cancelled.</param>
    /// <param name="time">After so long.</param>
    public static void CancelWithin(this CancellationTokenSource source, TimeSpan time)
    {
        ArgumentNullException.ThrowIfNull(source);
        if (time <= Longest)
        {
            source.CancelAfter(time);
            return;
        }
        _ = Task.Delay(Longest, source.Token).ContinueWith(
            _ => source.CancelWithin(time - Longest), CancellationToken.None,
            TaskContinuationOptions.OnlyOnRanToCompletion | TaskContinuationOptions.ExecuteSynchronously, TaskScheduler.Default);
    }
}
