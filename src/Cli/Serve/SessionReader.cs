using StreamDiff.Cli.Options;
using StreamDiff.CommandLine;
using StreamDiff.Pipeline.Plan;
using StreamDiff.Server.Sessions;

namespace StreamDiff.Cli.Serve;

/// <summary>Reads sessions that come by HTTP as those of a sessions file are read.</summary>
/// <param name="server">Options of the whole server.</param>
/// <param name="file">The sessions file; null for none.</param>
internal sealed class SessionReader(RestyleOptions server, string? file) : ISessionReader
{
    public IReadOnlyList<string> Names => SessionPlan.Names;

    public SessionDescription? Read(IReadOnlyList<(string Name, string Text)> values, List<string> problems, List<string> notes)
    {
        var given = values.GroupBy(v => v.Name).Select(group => (group.Key, new GivenValue(
            string.Join(group.Key == "output" ? RestyleOptions.OutputSeparator : ',', group.Select(v => v.Text)), $"--{group.Key}")));
        var (found, told) = (new List<string>(), new List<string>());
        var plan = SessionPlan.Read(server, given, "", file, found, told);
        problems.AddRange(found.Select(p => p.TrimStart()));
        notes.AddRange(told.Select(n => n.TrimStart()));
        return plan is null ? null : new SessionDescription(plan.Name, plan.Options, plan.Slo);
    }
}
