using System.Globalization;
using StreamDiff.Models.Files;
using StreamDiff.Pipeline.Yaml;
using YamlDotNet.Core;
using YamlDotNet.RepresentationModel;

namespace StreamDiff.Pipeline.Control.Presets;

/// <summary>
/// A preset as a file: one YAML mapping with the names that a configuration file has (prompt, noise-scale, steps, seed, sinks,
/// sink-threshold), blend in chunks, spherical, and loras as a mapping of names to strengths. The file's name is the preset's.
/// </summary>
internal static class PresetFile
{
    public const string Extension = ".yaml";

    /// <summary>Its settings.</summary>
    /// <exception cref="ControlException">It is none; one line with file and line.</exception>
    public static Preset Read(string path)
    {
        var name = Path.GetFileNameWithoutExtension(path);
        try
        {
            var yaml = YamlReader.Read(BoundedFile.ReadText(path, YamlReader.LargestFile));
            var preset = new Preset(name);
            if (yaml.Documents.Count == 0)
                return preset;
            if (yaml.Documents.Count > 1 || yaml.Documents[0].RootNode is not YamlMappingNode mapping)
                throw new ControlException($"preset {path} must be a list of 'name: value' lines");
            foreach (var (key, value) in mapping.Children)
                preset = With(preset, path, key, value);
            var problem = preset.Changes().Select(ControlLimits.Widest.Refusal).FirstOrDefault(r => r is not null);
            return problem is null ? preset : throw new ControlException($"preset {path}: {problem}");
        }
        catch (YamlException e)
        {
            throw new ControlException($"{path}:{e.Start.Line} is not valid YAML: {e.InnerException?.Message ?? e.Message}", e);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or InvalidDataException)
        {
            throw new ControlException($"preset {path} cannot be read: {e.Message}", e);
        }
    }

    /// <summary>The file of a preset.</summary>
    public static string Write(Preset preset)
    {
        var mapping = new YamlMappingNode();
        void Add(string name, object? value)
        {
            if (value is not null)
                mapping.Add(name, Text(value));
        }
        if (preset.Prompt is { } prompt)
            mapping.Add("prompt", new YamlScalarNode(prompt) { Style = ScalarStyle.DoubleQuoted });
        Add("blend", preset.Blend);
        Add("spherical", preset.Spherical);
        Add("noise-scale", preset.NoiseScale);
        Add("steps", preset.Steps);
        Add("seed", preset.Seed);
        Add("sinks", preset.Sinks);
        Add("sink-threshold", preset.SinkThreshold);
        if (preset.Loras.Count > 0)
            mapping.Add("loras", new YamlMappingNode(preset.Loras.SelectMany(l => new YamlNode[]
            {
                new YamlScalarNode(l.Key) { Style = ScalarStyle.DoubleQuoted }, Text(l.Value),
            })));
        using var text = new StringWriter();
        new YamlStream(new YamlDocument(mapping)).Save(text, assignAnchors: false);
        return text.ToString().Replace("...\n", "", StringComparison.Ordinal).ReplaceLineEndings("\n");
    }

    private static YamlScalarNode Text(object value) =>
        new(value is bool flag ? flag ? "true" : "false" : Convert.ToString(value, CultureInfo.InvariantCulture));

    private static Preset With(Preset preset, string path, YamlNode key, YamlNode value)
    {
        string Wrong(string what) => $"{path}:{key.Start.Line} {what}";
        var name = key is YamlScalarNode { Value: { } text } ? text : "a key that is no text";
        double Number() => value is YamlScalarNode { Value: { } number }
            && double.TryParse(number, NumberStyles.Float, CultureInfo.InvariantCulture, out var parsed) && double.IsFinite(parsed)
            ? parsed
            : throw new ControlException(Wrong($"{name} must be a number"));
        long Whole() => value is YamlScalarNode { Value: { } number }
            && long.TryParse(number, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out var parsed)
            ? parsed
            : throw new ControlException(Wrong($"{name} must be a whole number"));
        int Small() => (int)Math.Clamp(Whole(), int.MinValue, int.MaxValue);
        bool Flag() => value is YamlScalarNode { Value: "true" or "false" } flag
            ? flag.Value == "true"
            : throw new ControlException(Wrong($"{name} must be true or false"));
        return Key(name) switch
        {
            "prompt" => preset with
            {
                Prompt = value is YamlScalarNode prompt ? prompt.Value ?? "" : throw new ControlException(Wrong("prompt must be a text")),
            },
            "blend" => preset with { Blend = Small() },
            "spherical" => preset with { Spherical = Flag() },
            "noisescale" => preset with { NoiseScale = Number() },
            "steps" => preset with { Steps = Small() },
            "seed" => preset with { Seed = Whole() },
            "sinks" => preset with { Sinks = Small() },
            "sinkthreshold" => preset with { SinkThreshold = Number() },
            "loras" => preset with { Loras = Strengths(value, Wrong) },
            _ => throw new ControlException(Wrong($"'{name}' is no setting of a preset: there are prompt, blend, spherical, noise-scale, "
                + "steps, seed, sinks, sink-threshold, loras")),
        };
    }

    private static Dictionary<string, double> Strengths(YamlNode value, Func<string, string> wrong)
    {
        var strengths = new Dictionary<string, double>(StringComparer.Ordinal);
        if (value is not YamlMappingNode mapping)
            throw new ControlException(wrong("loras must be names with their strengths"));
        foreach (var (key, strength) in mapping.Children)
            strengths[(key as YamlScalarNode)?.Value ?? ""] = strength is YamlScalarNode { Value: { } number }
                && double.TryParse(number, NumberStyles.Float, CultureInfo.InvariantCulture, out var parsed)
                ? parsed
                : throw new ControlException(wrong("loras must be names with their strengths"));
        return strengths;
    }

    // In any spelling: noise-scale, noise_scale, noiseScale.
    private static string Key(string name) =>
        name.Replace("-", "", StringComparison.Ordinal).Replace("_", "", StringComparison.Ordinal).ToLowerInvariant();
}
