using StreamDiff.CommandLine;
using StreamDiff.Models.Files;
using YamlDotNet.Core;
using YamlDotNet.RepresentationModel;

namespace StreamDiff.Cli.Options;

/// <summary>
/// Reads a configuration file: one flat mapping of option names, in YAML or in JSON, which is read as the YAML that it also is.
/// </summary>
internal static class ConfigFile
{
    /// <summary>Gives every value of the file to the merge; what is wrong becomes a problem with file and line.</summary>
    /// <returns>False where the file as a whole cannot be understood, which is the one problem: what it lacks cannot be said.</returns>
    public static bool Read(string path, OptionMerge merge)
    {
        if (!TryLoad(path, merge.Problems, out var options))
            return false;
        foreach (var (key, value) in options)
            Take(path, key, value, merge);
        return true;
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

    private static void Take(string path, YamlNode keyNode, YamlNode valueNode, OptionMerge merge)
    {
        var origin = $"{path}:{keyNode.Start.Line}";
        var key = KeyOf(keyNode);
        if (RunOptions.Find(key.Replace('_', '-')) is not { } option)
        {
            merge.HasUnknown = true;
            merge.Problems.Add($"{origin} unknown option '{key}'{Suggestion.For(key, RunOptions.All.Select(o => o.Name))}");
        }
        else if (option.Name == "output" && valueNode is YamlSequenceNode several && several.All(n => n is YamlScalarNode))
            merge.Give(option, new GivenValue(
                string.Join(Pipeline.Plan.RestyleOptions.OutputSeparator, several.Select(n => ((YamlScalarNode)n).Value)), origin));
        else if (valueNode is not YamlScalarNode value)
            merge.Problems.Add($"{origin} {key} must be a single value");
        else if (!IsNull(value))
            merge.Give(option, new GivenValue(value.Value ?? "", origin));
    }

    /// <summary>The key's text; in words where it is none.</summary>
    internal static string KeyOf(YamlNode node) => node is YamlScalarNode { Value: { } name } ? name : "a key that is no text";

    internal static bool IsNull(YamlScalarNode value) => value.Style == ScalarStyle.Plain && (value.Value is null or "" or "~" or "null");

    private static string Reason(YamlException e) => e.InnerException?.Message ?? e.Message;
}
