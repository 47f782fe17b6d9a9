using StreamDiff.CommandLine;
using StreamDiff.Pipeline.Plan;
using StreamDiff.Pipeline.Runs;

namespace StreamDiff.Cli.Output;

/// <summary>Progress and outcome of work on a file, in words or as objects.</summary>
internal static class RunResults
{
    /// <summary>Progress for a log.</summary>
    public static IProgress<RestyleProgress> Progress() => new ProgressLines<RestyleProgress>(
        p => $"{RunText.Summary(p)}  {RunText.Stages(p)}",
        p => new { kind = "status", framesOut = p.FramesOut, framesTotal = p.FramesTotal, fps = Fps(p), stagesMs = Stages(p) });

    /// <summary>What came of it, on standard output.</summary>
    public static void Tell(RestyleOptions options, RestyleResult result)
    {
        var (progress, outputs) = (result.Progress, options.Output.Addresses.Select(a => a.Text).ToArray());
        if (JsonLog.IsOn)
        {
            JsonLog.Write(
                new
                {
                    kind = "result",
                    seconds = Math.Round(progress.Elapsed.TotalSeconds, 3),
                    framesOut = progress.FramesOut,
                    fps = Fps(progress),
                    isCancelled = result.Cancelled,
                    stagesMs = Stages(progress),
                    outputs,
                },
                isResult: true);
            return;
        }
        Console.Out.WriteLine(RunText.Finished(outputs, progress, result.Cancelled));
        if (RunText.Stages(progress) is { Length: > 0 } stages)
            Console.Out.WriteLine($"per chunk: {stages}");
    }

    /// <summary>How a replay compares with what was recorded, on standard output.</summary>
    public static void TellComparison(string text, bool isAsExpected)
    {
        if (JsonLog.IsOn)
            JsonLog.Write(new { kind = "comparison", isAsExpected, text }, isResult: true);
        else
            Console.Out.WriteLine(text);
    }

    private static double Fps(RestyleProgress progress) => Math.Round(RunText.Fps(progress), 2);

    private static Dictionary<string, double> Stages(RestyleProgress progress) => progress.StageTimes.Where(s => s.Chunks > 0)
        .ToDictionary(s => s.Stage, s => Math.Round(s.Busy.TotalMilliseconds / s.Chunks, 1));
}
