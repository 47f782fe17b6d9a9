using StreamDiff.Pipeline.Control;
using StreamDiff.Pipeline.Control.Logs;
using StreamDiff.Pipeline.Control.Steering;
using StreamDiff.Pipeline.Loading;
using StreamDiff.Pipeline.Plan;

namespace StreamDiff.Pipeline.Runs;

/// <summary>What steers and records one run beside its options.</summary>
/// <param name="Controls">Changes of the run.</param>
/// <param name="Log">Where the session is written; null for nowhere.</param>
internal sealed record RunControl(StreamControls Controls, SessionLogWriter? Log) : IDisposable
{
    /// <summary>A run's changes with those of its timeline.</summary>
    /// <param name="options">As checked.</param>
    /// <param name="controls">The caller's; null where it wants none.</param>
    /// <exception cref="ControlException">The timeline cannot be used.</exception>
    public static StreamControls Scheduled(RestyleOptions options, StreamControls? controls)
    {
        var own = controls ?? new StreamControls(isOpenEnded: false);
        if (options.Control.Timeline is { } file)
        {
            var problems = new List<string>();
            own.Schedule(Timeline.Read(file, problems));
            if (problems.Count > 0)
                throw new ControlException(problems[0]);
        }
        return own;
    }

    /// <summary>The same with the log that the options ask for, which begins here.</summary>
    /// <param name="options">As checked.</param>
    /// <param name="scheduled">See <see cref="Scheduled"/>.</param>
    /// <param name="model">The run's.</param>
    /// <param name="isLive">True for a live run, which takes its source's frames as they come.</param>
    /// <exception cref="ControlException">The log cannot be written.</exception>
    public static RunControl Begin(RestyleOptions options, StreamControls scheduled, LoadedModel model, bool isLive)
    {
        if (options.Control.Log is not { } path)
            return new RunControl(scheduled, null);
        return new RunControl(scheduled, SessionLogWriter.Create(path, LogHeaders.Of(options, model, isLive)));
    }

    /// <summary>The run is over. Why its log is not whole, if it is not.</summary>
    /// <param name="cancelled">True when somebody stopped it.</param>
    public string? End(bool cancelled)
    {
        Log?.End(cancelled);
        return Log?.Problem;
    }

    public void Dispose() => Log?.Dispose();
}
