using StreamDiff.CommandLine;
using StreamDiff.Pipeline.Live;
using StreamDiff.Pipeline.Telemetry;

namespace StreamDiff.Cli.Live;

/// <summary>
/// Every change of state and the status every ten seconds as a JSON object a line, on standard error; the final status on standard output.
/// </summary>
internal sealed class LiveJson : ILiveReport
{
    private const int StatusEvery = 10;
    private int _seconds;

    public void Tell(LiveEvent news) => JsonLog.Write(news);

    public void Report(LiveStatus value)
    {
        if (_seconds++ % StatusEvery == StatusEvery - 1)
            JsonLog.Write(Status("status", value));
    }

    public void Finish(LiveResult result) => JsonLog.Write(Status("result", result.Status), isResult: true);

    public void Dispose()
    {
    }

    private static object Status(string kind, LiveStatus s) => new
    {
        kind,
        seconds = Seconds(s.Elapsed),
        source = s.SourceState,
        framesIn = s.FramesIn,
        framesNew = s.FramesNew,
        framesOut = s.FramesOut,
        fpsIn = Math.Round(s.InRate, 2),
        fpsNew = Math.Round(s.NewRate, 2),
        fpsOut = Math.Round(s.OutRate, 2),
        latencyP50Ms = Math.Round(s.LatencyP50.TotalMilliseconds, 1),
        latencyP95Ms = Math.Round(s.LatencyP95.TotalMilliseconds, 1),
        dropped = s.Dropped,
        repeated = s.Repeated,
        reconnects = s.SourceReopened,
        link = OutputsText.Json(s.Link),
        soundMissingSeconds = Seconds(s.SoundMissing),
        soundBehindMs = Math.Round(s.SoundBehind.TotalMilliseconds, 1),
        jitterMs = Math.Round(s.Jitter.TotalMilliseconds, 1),
        outputs = OutputsText.Json(s.Outputs),
        encoders = OutputsText.Json(s.Encoders),
    };

    private static double Seconds(TimeSpan time) => Math.Round(time.TotalSeconds, 3);
}
