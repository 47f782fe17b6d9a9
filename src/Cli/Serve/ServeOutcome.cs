using StreamDiff.CommandLine;
using StreamDiff.Pipeline.Telemetry;

namespace StreamDiff.Cli.Serve;

/// <summary>Whether what a server was to do was done, as its exit code tells. Told from several threads.</summary>
internal sealed class ServeOutcome
{
    private readonly Lock _gate = new();
    private readonly HashSet<string> _failed = new(StringComparer.Ordinal);
    private bool _hasEmptyOutput;

    /// <summary>The exit code, where no signal ended the server.</summary>
    public int Code
    {
        get
        {
            lock (_gate)
                return _failed.Count > 0 ? ExitCode.SessionFailed : _hasEmptyOutput ? ExitCode.NothingDelivered : ExitCode.Ok;
        }
    }

    /// <summary>Takes all that the server tells.</summary>
    public void Tell(LiveEvent news)
    {
        if (news.Session is not { } session)
            return;
        lock (_gate)
            switch (news)
            {
                case { Part: "run" or "session", State: "failed" }:
                    _failed.Add(session);
                    break;
                case { Part: "session", State: "started" }:
                    _failed.Remove(session);
                    break;
                case { State: LiveEvent.NothingDelivered }:
                    _hasEmptyOutput = true;
                    break;
                default:
                    break;
            }
    }

    /// <summary>A session that the server was to begin with was not let in.</summary>
    public void Refused(string session)
    {
        lock (_gate)
            _failed.Add(session);
    }
}
