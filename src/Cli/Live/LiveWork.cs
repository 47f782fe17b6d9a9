using StreamDiff.Cli.Output;
using StreamDiff.Pipeline;
using StreamDiff.Pipeline.Live;

namespace StreamDiff.Cli.Live;

/// <summary>A live run on a terminal or for a log.</summary>
internal static class LiveWork
{
    public static int Run(RestyleOptions options, bool asJson, CancelOnSignal signals)
    {
        ILiveReport report = asJson ? new LiveJson() : new LiveText();
        using (report)
        {
            var result = LiveRestyle.Run(options, report.Tell, report, signals.Token);
            report.Finish(result);
            return result.Cancelled ? signals.ExitCodeOr(ExitCode.Failed) : ExitCode.Ok;
        }
    }
}

/// <summary>Where a live run's news goes. Called from several threads.</summary>
internal interface ILiveReport : IProgress<LiveStatus>, IDisposable
{
    /// <summary>A change of state.</summary>
    void Tell(LiveEvent news);

    /// <summary>The end.</summary>
    void Finish(LiveResult result);
}
