using System.Diagnostics;
using StreamDiff.Cli.Control;
using StreamDiff.CommandLine;
using StreamDiff.Pipeline.Live;
using StreamDiff.Pipeline.Plan;
using StreamDiff.Pipeline.Runs;
using StreamDiff.Pipeline.Telemetry;

namespace StreamDiff.Cli.Live;

/// <summary>A live run on a terminal or for a log.</summary>
internal static class LiveWork
{
    public static int Run(RestyleOptions options, CancelOnSignal signals, ControlDesk? desk = null)
    {
        ILiveReport report = JsonLog.IsOn ? new LiveJson() : new LiveText();
        using (report)
        {
            var clock = Stopwatch.StartNew();
            ServiceManager.Ready();
            var flow = new FlowWatch(report);
            using var alive = ServiceManager.KeepAlive(() => flow.IsAlive);
            desk?.Open(text => report.Tell(new LiveEvent(clock.Elapsed, false, "control", "said", text)), tellsChanges: false);
            var result = LiveRestyle.Run(options, desk?.Controls, report.Tell, flow, signals.Token);
            report.Finish(result);
            var code = ExitCode.Ok;
            foreach (var output in result.Status.Outputs.Where(o => o.Obstacle is not null))
            {
                Say.Error($"output {output.Name} got nothing: {output.Obstacle}");
                code = ExitCode.NothingDelivered;
            }
            return result.Cancelled ? signals.ExitCodeOr(ExitCode.Failed, code) : code;
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
