using StreamDiff.CommandLine;
using YamlDotNet.Core;
using YamlDotNet.RepresentationModel;

namespace StreamDiff.Cli.Options;

/// <summary>Reads a configuration file: one flat mapping of option names, in YAML or in JSON, which is read as the YAML that it also is.</summary>
internal static class ConfigFile
{
    /// <summary>Gives every value of the file to the merge; what is wrong becomes a problem with file and line.</summary>
    public static void Read(string path, OptionMerge merge)
    {
        if (Load(path, merge.Problems) is { } root)
            Read(path, root, merge);
    }

    /// <summary>The file's one document; null where it is empty, or cannot be read, which becomes a problem with file and line.</summary>
    internal static YamlNode? Load(string path, List<string> problems)
    {
        try
        {
            using var text = new StreamReader(path);
            var yaml = new YamlStream();
            yaml.Load(text);
            if (yaml.Documents.Count == 0)
                return null;
            if (yaml.Documents.Count > 1)
                problems.Add($"{path} holds {yaml.Documents.Count} documents instead of one");
            return yaml.Documents[0].RootNode;
        }
        catch (YamlException e)
        {
            problems.Add($"{path}:{e.Start.Line} is not valid {(Path.GetExtension(path) == ".json" ? "JSON" : "YAML")}: {Reason(e)}");
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            problems.Add(e is FileNotFoundException or DirectoryNotFoundException ? $"config file {path} does not exist" : $"config file {path} cannot be read: {e.Message}");
        }
        return null;
    }

    private static void Read(string path, YamlNode root, OptionMerge merge)
    {
        if (root is not YamlMappingNode mapping)
        {
            merge.Problems.Add($"{path}:{root.Start.Line} must be a list of 'option: value' lines");
            return;
        }
        foreach (var (keyNode, valueNode) in mapping.Children)
        {
            var origin = $"{path}:{keyNode.Start.Line}";
            var key = keyNode is YamlScalarNode { Value: { } name } ? name : keyNode.ToString();
            if (RunOptions.Find(key.Replace('_', '-')) is not { } option)
                merge.Problems.Add($"{origin} unknown option '{key}'{Suggestion.For(key, RunOptions.All.Select(o => o.Name))}");
            else if (option.Name == "output" && valueNode is YamlSequenceNode several && several.All(n => n is YamlScalarNode))
                merge.Give(option, new GivenValue(string.Join(Pipeline.RestyleOptions.OutputSeparator, several.Select(n => ((YamlScalarNode)n).Value)), origin));
            else if (valueNode is not YamlScalarNode value)
                merge.Problems.Add($"{origin} {key} must be a single value");
            else if (!IsNull(value))
                merge.Give(option, new GivenValue(value.Value ?? "", origin));
        }
    }

    internal static bool IsNull(YamlScalarNode value) => value.Style == ScalarStyle.Plain && (value.Value is null or "" or "~" or "null");

    private static string Reason(YamlException e) => e.InnerException?.Message ?? e.Message;
}
