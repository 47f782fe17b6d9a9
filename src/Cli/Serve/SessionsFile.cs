using StreamDiff.Cli.Options;
using StreamDiff.Pipeline.Checks;
using StreamDiff.Pipeline.Control.Presets;
using StreamDiff.Pipeline.Plan;
using StreamDiff.Pipeline.Runs;
using StreamDiff.Transport.Files;
using YamlDotNet.RepresentationModel;

namespace StreamDiff.Cli.Serve;

/// <summary>What <c>streamdiff serve</c> begins with: options for all sessions, room, and the sessions themselves.</summary>
/// <param name="Options">Model, device and what sessions have where they say nothing else.</param>
/// <param name="Host">What there is room for.</param>
/// <param name="Sessions">To begin at once.</param>
internal sealed record SessionsFile(RestyleOptions Options, HostOptions Host, IReadOnlyList<SessionPlan> Sessions)
{
    private const string List = "sessions";

    /// <summary>Reads a file in YAML or JSON; what is wrong becomes a problem with file and line.</summary>
    /// <param name="path">The file; null for none: no sessions, all defaults.</param>
    /// <param name="problems">Takes everything that is wrong.</param>
    /// <param name="notes">Takes what the user should know.</param>
    /// <param name="more">Gives options of the command line, which win; null for none.</param>
    /// <param name="presets">What presets stand for; null for the user's and the built-in ones.</param>
    public static SessionsFile Read(
        string? path, List<string> problems, List<string> notes, Action<GivenOptions>? more = null, PresetLibrary? presets = null)
    {
        var given = new GivenOptions(OptionUse.Server);
        var sessions = new List<YamlNode>();
        if (path is not null && ConfigFile.TryLoad(path, problems, out var pairs))
            foreach (var (key, value) in pairs)
            {
                if (key is not YamlScalarNode { Value: List })
                    ConfigFile.Give(path, key, value, given);
                else if (value is YamlSequenceNode list)
                    sessions.AddRange(list.Children);
                else
                    given.Add(new OptionProblem($"{List} must be a list", $"{path}:{key.Start.Line}"));
            }
        more?.Invoke(given);
        problems.AddRange(given.Problems.Select(p => p.At()));
        var options = given.Read(new RestyleOptions());
        // Of all sessions, and of what the device is measured with.
        options = options with
        {
            Frame = options.Frame with { Size = RestyleOptionsValidator.UsedSize(options.Frame.Size, problems, notes) },
            Control = options.Control with { Presets = presets ?? PresetLibrary.Default },
        };
        var plans = new List<SessionPlan>();
        foreach (var node in sessions)
            if (Session(path!, node, options, problems, notes) is { } plan)
                plans.Add(plan);
        foreach (var name in plans.GroupBy(p => p.Name).Where(g => g.Count() > 1).Select(g => g.Key))
            problems.Add($"{path} has several sessions named {name}");
        for (var i = 1; i < plans.Count; i++)
            problems.AddRange(FileRules.Clashes([.. plans.Take(i).SelectMany(FilesOf)], FilesOf(plans[i])).Select(p => $"{path} {p}"));
        return new SessionsFile(options, given.Read(new HostOptions()), plans);
    }

    private static IReadOnlyList<FileUse> FilesOf(SessionPlan plan) => SessionServer.FilesOf(plan.Name, plan.Options);

    private static SessionPlan? Session(string path, YamlNode node, RestyleOptions options, List<string> problems, List<string> notes)
    {
        var where = $"{path}:{node.Start.Line}";
        if (node is not YamlMappingNode mapping)
        {
            problems.Add($"{where} a session must be a list of 'option: value' lines");
            return null;
        }
        var given = new GivenOptions(OptionUse.Session);
        foreach (var (key, value) in mapping.Children)
            ConfigFile.Give(path, key, value, given);
        var check = SessionReader.Read(options, given, FileUse.Read("sessions file", path));
        problems.AddRange(check.Problems.Select(p => p.At(where)));
        notes.AddRange(check.Notes.Select(n => $"{where} {n}"));
        return check.Plan;
    }
}
