using StreamDiff.Models.Files;
using StreamDiff.Pipeline.Plan;
using StreamDiff.Pipeline.Yaml;
using YamlDotNet.Core;
using YamlDotNet.RepresentationModel;

namespace StreamDiff.Cli.Options;

/// <summary>
/// Reads a configuration file: one flat mapping of option names, in YAML or in JSON, which is read as the YAML that it also is.
/// </summary>
internal static class ConfigFile
{
    /// <summary>Gives every value of the file; what is wrong becomes a problem with file and line.</summary>
    /// <returns>False where the file as a whole cannot be understood, which is the one problem: what it lacks cannot be said.</returns>
    public static bool Read(string path, GivenOptions given)
    {
        var problems = new List<string>();
        var isRead = TryLoad(path, problems, out var options);
        foreach (var problem in problems)
            given.Add(new OptionProblem(problem));
        foreach (var (key, value) in options)
            Give(path, key, value, given);
        return isRead;
    }

    /// <summary>Gives one value of a file.</summary>
    internal static void Give(string path, YamlNode key, YamlNode value, GivenOptions given)
    {
        if (value is not YamlScalarNode { Style: ScalarStyle.Plain, Value: null or "" or "~" or "null" })
            given.Give(KeyOf(key), Texts(value), $"{path}:{key.Start.Line}");
    }

    /// <summary>The pairs of the file's one mapping; none where it is empty.</summary>
    /// <returns>False where it cannot be read or is no such file, which becomes one problem with file and line.</returns>
    internal static bool TryLoad(string path, List<string> problems, out IEnumerable<KeyValuePair<YamlNode, YamlNode>> options)
    {
        options = [];
        var before = problems.Count;
        try
        {
            var yaml = YamlReader.Read(BoundedFile.ReadText(path, YamlReader.LargestFile));
            if (yaml.Documents.Count == 0)
                return true;
            if (yaml.Documents.Count > 1)
                problems.Add($"{path} holds {yaml.Documents.Count} documents instead of one");
            else if (yaml.Documents[0].RootNode is YamlMappingNode mapping)
                options = mapping.Children;
            else
                problems.Add($"{path}:{yaml.Documents[0].RootNode.Start.Line} must be a list of 'option: value' lines");
            return problems.Count == before;
        }
        catch (Exception e) when (e is not (IOException or UnauthorizedAccessException or YamlException or OutOfMemoryException))
        {
            // The parser has more ways to fail than it tells of.
            problems.Add($"{path} is not valid YAML: {e.Message}");
        }
        catch (YamlException e)
        {
            problems.Add($"{path}:{e.Start.Line} is not valid {(Path.GetExtension(path) == ".json" ? "JSON" : "YAML")}: {Reason(e)}");
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            problems.Add(Directory.Exists(path) ? $"config file {path} is a folder, not a file"
                : e is FileNotFoundException or DirectoryNotFoundException ? $"config file {path} does not exist"
                : $"config file {path} cannot be read: {e.Message}");
        }
        return false;
    }

    // A value or a list of them; null for anything else.
    private static IReadOnlyList<string>? Texts(YamlNode node) => node switch
    {
        YamlScalarNode scalar => [scalar.Value ?? ""],
        YamlSequenceNode list when list.All(n => n is YamlScalarNode) => [.. list.Select(n => ((YamlScalarNode)n).Value ?? "")],
        _ => null,
    };

    // The key's text; in words where it is none, for printing one may have no end.
    private static string KeyOf(YamlNode node) => node is YamlScalarNode { Value: { } name } ? name : "a key that is no text";

    private static string Reason(YamlException e) => e.InnerException?.Message ?? e.Message;
}
