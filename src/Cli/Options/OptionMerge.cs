using StreamDiff.CommandLine;
using StreamDiff.Models.Registry;
using StreamDiff.Pipeline.Plan;

namespace StreamDiff.Cli.Options;

/// <summary>A value that somebody gave, and where: <c>--steps</c> or <c>file.yaml:3</c>.</summary>
internal readonly record struct GivenValue(string Text, string Origin);

/// <summary>Puts a run's options together: defaults, then the configuration file, then the command line.</summary>
/// <param name="defaults">What holds where nobody says otherwise; null for a run's own.</param>
internal sealed class OptionMerge(RestyleOptions? defaults = null)
{
    private readonly Dictionary<string, GivenValue> _given = new(StringComparer.Ordinal);

    public List<string> Problems { get; } = [];

    /// <summary>
    /// True where a name was not understood while input or output is not given: it may stand under that name, and that it is missing cannot
    /// be said.
    /// </summary>
    public bool MayLackNothing => HasUnknown && !(_given.ContainsKey("input") && _given.ContainsKey("output"));

    /// <summary>True where a name in a file was not understood.</summary>
    public bool HasUnknown { private get; set; }

    /// <summary>A later call for the same option wins.</summary>
    public void Give(RunOption option, GivenValue value) => _given[option.Name] = value;

    public RestyleOptions Build()
    {
        var options = defaults ?? RunOptions.Defaults;
        foreach (var option in RunOptions.All)
        {
            if (!_given.TryGetValue(option.Name, out var value))
                continue;
            try
            {
                options = option.Set(options, value.Text);
            }
            catch (FormatException e)
            {
                Problems.Add($"{option.Name} {e.Message}{(value.Origin.StartsWith('-') ? "" : $" ({value.Origin})")}");
            }
        }
        return options;
    }

    /// <summary>
    /// The options as a configuration file that would give the same run, with the model's own values where nobody gave others.
    /// </summary>
    /// <param name="options">As built.</param>
    /// <param name="model">Null for a run without one.</param>
    public IEnumerable<string> Describe(RestyleOptions options, ModelConfig? model = null)
    {
        var effective = model is null ? options : options.WithDefaultsOf(model);
        foreach (var option in RunOptions.All)
        {
            var shown = option.Show(effective);
            var origin = _given.TryGetValue(option.Name, out var value) ? value.Origin
                : shown is null ? $"default: {option.Default}"
                : option.Show(options) is null ? "the model's default" : "default";
            yield return shown is null ? $"# {option.Name}:  # {origin}" : $"{option.Name}: {Quoted(shown)}  # {origin}";
        }
    }

    private static string Quoted(string text) =>
        text.Length > 0 && text.All(c => char.IsAsciiLetterOrDigit(c) || c is '.' or '-' or '/' or '_')
            && (text[0] != '-' || double.TryParse(text, out _)) ? text : System.Text.Json.JsonSerializer.Serialize(text, Plain);

    private static readonly System.Text.Json.JsonSerializerOptions Plain = new()
    {
        Encoder = System.Text.Encodings.Web.JavaScriptEncoder.UnsafeRelaxedJsonEscaping,
    };
}
