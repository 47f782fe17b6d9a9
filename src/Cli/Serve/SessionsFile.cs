using StreamDiff.Cli.Options;
using StreamDiff.CommandLine;
using StreamDiff.Pipeline.Checks;
using StreamDiff.Pipeline.Host;
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

    /// <summary>Options of a run that would have no effect here.</summary>
    private static readonly string[] OfOneRun = ["contact-sheet", "log", "control"];

    private static readonly string[] Known =
        [.. RunOptions.All.Select(o => o.Name).Except(OfOneRun), List, "lanes", "rows", "workers"];

    /// <summary>Reads a file in YAML or JSON; what is wrong becomes a problem with file and line.</summary>
    /// <param name="path">The file; null for none: no sessions, all defaults.</param>
    /// <param name="given">Options of the command line, which win.</param>
    /// <param name="problems">Takes everything that is wrong.</param>
    /// <param name="notes">Takes what the user should know.</param>
    public static SessionsFile Read(
        string? path, IEnumerable<(RunOption Option, GivenValue Value)> given, List<string> problems, List<string> notes)
    {
        var host = new HostOptions();
        var merge = new OptionMerge();
        var sessions = new List<YamlNode>();
        if (path is not null && ConfigFile.TryLoad(path, problems, out var pairs))
            foreach (var (key, value) in pairs)
                host = Take(path, key, value, host, merge, sessions, problems);
        foreach (var (option, value) in given)
            merge.Give(option, value);
        var options = merge.Build();
        problems.AddRange(merge.Problems);
        // Of all sessions, and of what the device is measured with.
        options = options with { Size = RestyleOptionsValidator.UsedSize(options.Size, problems, notes) };
        var plans = new List<SessionPlan>();
        foreach (var node in sessions)
            if (Session(path!, node, options, problems, notes) is { } plan)
                plans.Add(plan);
        foreach (var name in plans.GroupBy(p => p.Name).Where(g => g.Count() > 1).Select(g => g.Key))
            problems.Add($"{path} has several sessions named {name}");
        for (var i = 1; i < plans.Count; i++)
            problems.AddRange(FileRules.Clashes([.. plans.Take(i).SelectMany(FilesOf)], FilesOf(plans[i])).Select(p => $"{path} {p}"));
        return new SessionsFile(options, host, plans);
    }

    private static IReadOnlyList<FileUse> FilesOf(SessionPlan plan) => SessionServer.FilesOf(plan.Name, plan.Options);

    private static HostOptions Take(
        string path, YamlNode keyNode, YamlNode node, HostOptions host, OptionMerge merge, List<YamlNode> sessions, List<string> problems)
    {
        var (key, origin) = (keyNode.ToString(), $"{path}:{keyNode.Start.Line}");
        try
        {
            if (key == List)
                sessions.AddRange(node is YamlSequenceNode list ? list.Children : throw new FormatException("must be a list"));
            else if (node is not YamlScalarNode scalar)
                throw new FormatException("must be a single value");
            else if (ConfigFile.IsNull(scalar))
                return host;
            else if (key == "lanes")
                return host with { Lanes = Room(scalar.Value!, 1024) };
            else if (key == "rows")
                return host with { RowsPerTick = Room(scalar.Value!, 1024) };
            else if (key == "workers")
                return host with { Workers = Room(scalar.Value!, 64) };
            else if (key is "input" or "output")
                throw new FormatException($"is a session's own: give it under {List}");
            else if (OfOneRun.Contains(key))
                throw new FormatException("is for a single run: sessions have none");
            else if (RunOptions.Find(key) is { } option)
                merge.Give(option, new GivenValue(scalar.Value ?? "", origin));
            else
                throw new FormatException($"is not known{Suggestion.For(key, Known)}");
        }
        catch (FormatException e)
        {
            problems.Add($"{origin} {key} {e.Message}");
        }
        return host;
    }

    private static int Room(string text, int most) => OptionText.Int(text) is var value && value >= 1 && value <= most
        ? value
        : throw new FormatException($"must be from 1 to {most}, not {text}");

    private static SessionPlan? Session(string path, YamlNode node, RestyleOptions options, List<string> problems, List<string> notes)
    {
        var where = $"{path}:{node.Start.Line}";
        if (node is not YamlMappingNode mapping)
        {
            problems.Add($"{where} a session must be a list of 'option: value' lines");
            return null;
        }
        var values = new List<(string, GivenValue)>();
        foreach (var (key, value) in mapping.Children)
        {
            if (value is YamlMappingNode)
                problems.Add($"{path}:{key.Start.Line} {key} must be a single value");
            values.Add((key.ToString(), new GivenValue(Text(key.ToString(), value), $"{path}:{key.Start.Line}")));
        }
        return SessionPlan.Read(options, values, where, path, problems, notes);
    }

    // Outputs and rungs may be lists.
    private static string Text(string key, YamlNode value) => value switch
    {
        YamlSequenceNode list => string.Join(key == "output" ? RestyleOptions.OutputSeparator : ',', list.Children),
        YamlScalarNode scalar when !ConfigFile.IsNull(scalar) => scalar.Value ?? "",
        _ => "",
    };
}
