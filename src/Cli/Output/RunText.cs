using System.Globalization;
using StreamDiff.Pipeline.Runs;

namespace StreamDiff.Cli.Output;

/// <summary>A run's progress in words; the same for a terminal and for a log.</summary>
internal static class RunText
{
    /// <summary>Progress whose notes are told as they come.</summary>
    public static IProgress<RestyleProgress> Progress(RunNotes notes, IProgress<RestyleProgress> progress) =>
        new DirectProgress<RestyleProgress>(p =>
    {
        notes.Tell(p.Notes);
        progress.Report(p);
    });

    /// <summary>Frames written per second since the first frame was read.</summary>
    public static double Fps(RestyleProgress progress) =>
        progress.Elapsed > TimeSpan.Zero ? progress.FramesOut / progress.Elapsed.TotalSeconds : 0;

    /// <summary>Share done, 0 to 1; null while the number of frames is not known.</summary>
    public static double? Share(RestyleProgress progress) =>
        progress.FramesTotal is > 0 and { } total ? Math.Clamp((double)progress.FramesOut / total, 0, 1) : null;

    public static string Summary(RestyleProgress progress)
    {
        var total = progress.FramesTotal is { } n ? $"/{n}" : "";
        var fps = Fps(progress);
        var left = progress.FramesTotal is { } all && fps > 0 && all >= progress.FramesOut
            ? $", {Duration(TimeSpan.FromSeconds((all - progress.FramesOut) / fps))} left"
            : "";
        return string.Create(CultureInfo.InvariantCulture, $"{progress.FramesOut}{total} frames, {fps:0.0} fps{left}");
    }

    /// <summary>Milliseconds per chunk of each stage, in pipeline order.</summary>
    public static string Stages(RestyleProgress progress) =>
        string.Join("  ", progress.StageTimes.Where(s => s.Chunks > 0)
            .Select(s => string.Create(CultureInfo.InvariantCulture, $"{s.Stage} {s.Busy.TotalMilliseconds / s.Chunks:0.0} ms")));

    /// <summary>What came of a run.</summary>
    public static string Finished(IReadOnlyList<string> outputs, RestyleProgress progress, bool cancelled)
    {
        var names = string.Join(", ", outputs);
        return cancelled && progress.FramesOut == 0
            ? $"stopped before the first frame: nothing was written to {names}"
            : string.Create(CultureInfo.InvariantCulture,
                $"{(cancelled ? "stopped early: " : "")}{progress.FramesOut} {(progress.FramesOut == 1 ? "frame" : "frames")} in "
                    + $"{progress.Elapsed.TotalSeconds:0.0} s, {Fps(progress):0.0} fps -> {names}");
    }

    public static string Duration(TimeSpan time) =>
        time.TotalHours >= 1
            ? $"{(int)time.TotalHours}:{time.Minutes:00}:{time.Seconds:00}"
            : $"{(int)time.TotalMinutes}:{time.Seconds:00}";
}
