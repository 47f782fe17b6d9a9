using System.Globalization;
using System.Text;
using System.Text.Json;
using Microsoft.AspNetCore.Http;
using StreamDiff.Client;
using StreamDiff.Server.Problems;

namespace StreamDiff.Server.Sessions;

/// <summary>
/// The JSON of a new session as options of the command line: camelCase becomes words with hyphens, numbers and switches become texts.
/// </summary>
internal sealed class SessionBody
{
    // Where JSON says more than the command line, or another word.
    private static readonly Dictionary<string, string> Renamed = new(StringComparer.Ordinal)
    {
        ["outputs"] = "output",
        ["deadlineMs"] = "deadline",
        ["firstFrameMs"] = "first-frame",
    };

    private SessionBody(string name, IReadOnlyList<(string Name, string Text)> values, string canonical) =>
        (Name, Values, Canonical) = (name, values, canonical);

    /// <summary>The session's name.</summary>
    public string Name { get; }

    /// <summary>Its options, each as often as it has values.</summary>
    public IReadOnlyList<(string Name, string Text)> Values { get; }

    /// <summary>The same for every way to write the same.</summary>
    public string Canonical { get; }

    /// <summary>Reads it.</summary>
    /// <exception cref="RefusedException">It is no object, or a value is of no use.</exception>
    public static SessionBody Read(JsonElement body)
    {
        if (body.ValueKind != JsonValueKind.Object)
            throw new RefusedException(StatusCodes.Status400BadRequest, "the body must be an object of the session's options");
        var (values, problems) = (new List<(string Name, string Text)>(), new List<FieldProblem>());
        foreach (var property in body.EnumerateObject())
        {
            var option = OptionOf(property.Name);
            IEnumerable<JsonElement> items = property.Value.ValueKind == JsonValueKind.Array
                ? property.Value.EnumerateArray() : [property.Value];
            foreach (var item in items)
                if (TextOf(item) is { } text)
                    values.Add((option, text));
                else if (item.ValueKind != JsonValueKind.Null)
                    problems.Add(new FieldProblem($"{property.Name} must be a single value", property.Name));
        }
        if (problems.Count > 0)
            throw new RefusedException(StatusCodes.Status400BadRequest, problems);
        var canonical = string.Join('\n', values.OrderBy(v => v.Name, StringComparer.Ordinal).Select(v => $"{v.Name}={Escaped(v.Text)}"));
        return new SessionBody(values.FirstOrDefault(v => v.Name == "name").Text ?? "", values, canonical);
    }

    /// <summary>The field that an option is in JSON.</summary>
    public static string FieldOf(string option)
    {
        foreach (var (field, name) in Renamed)
            if (name == option)
                return field;
        var words = option.Split('-');
        return words[0] + string.Concat(words.Skip(1).Select(w => char.ToUpperInvariant(w[0]) + w[1..]));
    }

    /// <summary>The option that a field is: "noiseScale" is noise-scale; what is written as on the command line stays so.</summary>
    public static string OptionOf(string field)
    {
        if (Renamed.TryGetValue(field, out var option))
            return option;
        var text = new StringBuilder();
        foreach (var c in field)
        {
            if (char.IsAsciiLetterUpper(c))
                text.Append('-');
            text.Append(char.ToLowerInvariant(c));
        }
        return text.ToString();
    }

    private static string? TextOf(JsonElement value) => value.ValueKind switch
    {
        JsonValueKind.String => value.GetString(),
        JsonValueKind.Number => value.TryGetDecimal(out var number) ? number.ToString(CultureInfo.InvariantCulture) : value.GetRawText(),
        JsonValueKind.True => "true",
        JsonValueKind.False => "false",
        _ => null,
    };

    private static string Escaped(string text) =>
        text.Replace("\\", "\\\\", StringComparison.Ordinal).Replace("\n", "\\n", StringComparison.Ordinal);
}
