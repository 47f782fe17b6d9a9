using StreamDiff.Models.Registry;
using StreamDiff.Pipeline.Chunking;
using StreamDiff.Pipeline.Control.Logs;

namespace StreamDiff.Pipeline.Control;

/// <summary>What steers and records one run beside its options.</summary>
/// <param name="Controls">Changes of the run.</param>
/// <param name="IsOpenEnded">True where changes may be given while it runs: room is kept for all of them.</param>
/// <param name="Log">Where the session is written; null for nowhere.</param>
internal sealed record RunControl(SessionControls Controls, bool IsOpenEnded, SessionLogWriter? Log) : IDisposable
{
    /// <summary>What the options ask for.</summary>
    /// <param name="options">As checked.</param>
    /// <param name="controls">The caller's; null where it wants none.</param>
    /// <param name="header">What a log begins with.</param>
    /// <exception cref="ControlException">Timeline or log cannot be used.</exception>
    public static RunControl For(RestyleOptions options, SessionControls? controls, Func<SessionLogHeader> header)
    {
        var own = controls ?? new SessionControls(isOpenEnded: false);
        if (options.Timeline is { } file)
        {
            var problems = new List<string>();
            own.Schedule(Timeline.Read(file, problems));
            if (problems.Count > 0)
                throw new ControlException(problems[0]);
        }
        return new RunControl(own, own.IsOpenEnded, options.Log is null ? null : SessionLogWriter.Create(options.Log, header()));
    }

    /// <summary>The changes that are known now, for which room must be kept.</summary>
    public IEnumerable<ControlChange> Known => Controls.Scheduled;

    /// <summary>The run is over. Why its log is not whole, if it is not.</summary>
    /// <param name="cancelled">True when somebody stopped it.</param>
    public string? End(bool cancelled)
    {
        Log?.End(cancelled);
        return Log?.Problem;
    }

    public void Dispose() => Log?.Dispose();
}
