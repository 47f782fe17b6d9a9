using StreamDiff.Pipeline.Control;
using StreamDiff.Pipeline.Control.Logs;
using StreamDiff.Pipeline.Control.Steering;
using StreamDiff.Pipeline.Loading;
using StreamDiff.Pipeline.Plan;
using StreamDiff.Transport.Media;
using StreamDiff.Transport.Media.Live;

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
    /// <param name="isLive">
    /// True for a live run, which takes its source's frames as they come: no other run can make the same log, so what an earlier one has
    /// left keeps a numbered name (take-0001.log), whoever began this one.
    /// </param>
    /// <param name="note">Told of that; null for nobody.</param>
    /// <exception cref="ControlException">The log cannot be written.</exception>
    public static RunControl Begin(
        RestyleOptions options, StreamControls scheduled, LoadedModel model, bool isLive, Action<string>? note = null)
    {
        if (options.Control.Log is not { } path)
            return new RunControl(scheduled, null);
        if (isLive && KeepEarlier(path) is { } kept)
            note?.Invoke($"the log of an earlier run is kept as {kept}");
        return new RunControl(scheduled, SessionLogWriter.Create(path, LogHeaders.Of(options, model, isLive)));
    }

    private static string? KeepEarlier(string path)
    {
        try
        {
            return SessionLog.HoldsTake(path) ? RecordingNames.SetAside(path) : null;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or MediaException)
        {
            throw new ControlException($"session log {path} holds an earlier run's, which cannot be kept: {e.Message}", e);
        }
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
