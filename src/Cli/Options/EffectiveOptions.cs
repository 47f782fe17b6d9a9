using System.Text.Encodings.Web;
using System.Text.Json;
using StreamDiff.Models.Registry;
using StreamDiff.Pipeline.Plan;

namespace StreamDiff.Cli.Options;

/// <summary>The options of a run as a configuration file that would give the same run.</summary>
internal static class EffectiveOptions
{
    private static readonly JsonSerializerOptions Plain = new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    /// <summary>A line for each option, with where its value is from.</summary>
    /// <param name="options">As checked.</param>
    /// <param name="given">What somebody said; an origin that is empty is the command line.</param>
    /// <param name="model">Whose values count where nobody gave others; null for a run without one.</param>
    public static IEnumerable<string> Lines(RestyleOptions options, GivenOptions given, Model? model = null)
    {
        var effective = OptionTable.Values(model is null ? options : options.WithDefaultsOf(model));
        foreach (var ((option, shown), (_, own)) in effective.Zip(OptionTable.Values(options)))
        {
            var origin = given.OriginOf(option) is { } place ? place.Length > 0 ? place : $"--{option.Name}"
                : shown is null ? $"default: {option.Default}"
                : own is null ? "the model's default" : "default";
            yield return shown is null ? $"# {option.Name}:  # {origin}" : $"{option.Name}: {Value(shown)}  # {origin}";
        }
    }

    private static string Value(IReadOnlyList<string> texts) =>
        texts is [var only] ? Quoted(only) : $"[{string.Join(", ", texts.Select(Quoted))}]";

    private static string Quoted(string text) =>
        text is not ("" or "null") && text.All(c => char.IsAsciiLetterOrDigit(c) || c is '.' or '-' or '/' or '_')
            && (text[0] != '-' || double.TryParse(text, out _)) ? text : JsonSerializer.Serialize(text, Plain);
}
