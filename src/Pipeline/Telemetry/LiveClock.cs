namespace StreamDiff.Pipeline.Telemetry;

/// <summary>Time since a run began; never the time of day, which may be set.</summary>
public sealed class LiveClock(TimeProvider time)
{
    private readonly long _start = time.GetTimestamp();

    public TimeSpan Now => time.GetElapsedTime(_start);
}
