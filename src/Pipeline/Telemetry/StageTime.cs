namespace StreamDiff.Pipeline.Telemetry;

/// <summary>Time that a stage was busy, waiting left out.</summary>
public readonly record struct StageTime(string Stage, TimeSpan Busy, long Chunks);
