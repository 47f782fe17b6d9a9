using StreamDiff.Pipeline.Plan;
using StreamDiff.Scheduling.Slo;

namespace StreamDiff.Server.Sessions;

/// <summary>A session as somebody described it, checked.</summary>
/// <param name="Name">Unique among sessions that live.</param>
/// <param name="Options">Of its run.</param>
/// <param name="Slo">What it is promised.</param>
public sealed record SessionDescription(string Name, RestyleOptions Options, SessionSlo Slo);

/// <summary>
/// Reads options by the names of the command line, with its checks and its sentences: HTTP has no rules of its own for them.
/// </summary>
public interface ISessionReader
{
    /// <summary>Names of all options that a session can have.</summary>
    IReadOnlyList<string> Names { get; }

    /// <summary>Reads a session.</summary>
    /// <param name="values">Names of options with their values as texts; a name may come several times (output).</param>
    /// <param name="problems">Takes everything that is wrong, a line each.</param>
    /// <param name="notes">Takes what the user should know, a line each.</param>
    /// <returns>Null where something is wrong.</returns>
    SessionDescription? Read(IReadOnlyList<(string Name, string Text)> values, List<string> problems, List<string> notes);
}
