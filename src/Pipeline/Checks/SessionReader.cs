using StreamDiff.Models.Registry;
using StreamDiff.Pipeline.Plan;
using StreamDiff.Transport.Files;

namespace StreamDiff.Pipeline.Checks;

/// <summary>What <see cref="SessionReader"/> found.</summary>
/// <param name="Plan">The session; null where something is wrong with it.</param>
/// <param name="Problems">Everything that is.</param>
/// <param name="Notes">What the user should know, one line each.</param>
public sealed record SessionCheck(SessionPlan? Plan, IReadOnlyList<OptionProblem> Problems, IReadOnlyList<string> Notes);

/// <summary>Makes sessions of a server from names and values. Loads nothing, leaves nothing changed.</summary>
public static class SessionReader
{
    /// <summary>What begins a line on the server's standard input, and so names no session.</summary>
    private static readonly string[] Commands = ["start", "stop", "list", "help", "quit"];

    private static OptionDefinition Model => OptionTable.Find("model")!;

    /// <param name="server">What the session has where it says nothing else.</param>
    /// <param name="given">What it says.</param>
    /// <param name="others">Files that are used besides, such as the sessions file.</param>
    public static SessionCheck Read(RestyleOptions server, GivenOptions given, params IEnumerable<FileUse> others)
    {
        var session = given.Read(new SessionOptions());
        var options = given.Read(server) with { Live = given.Read(server.Live) with { IsAsked = true } };
        var problems = given.Problems.ToList();
        if (session.Name.Length == 0 || session.Name.Any(c => char.IsWhiteSpace(c) || c == '"'))
            problems.Add(new OptionProblem("needs a name without spaces"));
        else if (Commands.Contains(session.Name, StringComparer.OrdinalIgnoreCase) || session.Name[0] == '#')
            problems.Add(new OptionProblem($"cannot be named {session.Name}: that is a command of the server"));
        // One without a model may run beside those with the server's.
        if (!options.IsPassthrough && options.Compute.Model != server.Compute.Model)
            problems.Add(new OptionProblem(
                "model is the whole server's: give it outside of the sessions", given.OriginOf(Model), Model));
        if (given.MayLackNothing || problems.Exists(p => p.Option == Model))
            return new SessionCheck(null, problems, []);
        var check = RestyleOptionsValidator.Check(options, new ModelCatalog(), others);
        problems.AddRange(OptionTable.Problems([session]).Concat(check.Problems).Select(OptionProblem.Of));
        return new SessionCheck(
            problems.Count > 0
                ? null
                : new SessionPlan(session.Name, check.Options, session.Slo(check.Options), session.Restarts),
            problems, check.Notes);
    }
}
