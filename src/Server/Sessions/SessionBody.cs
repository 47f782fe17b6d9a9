using System.Globalization;
using System.Text.Json;
using Microsoft.AspNetCore.Http;
using StreamDiff.Client;
using StreamDiff.Pipeline.Plan;
using StreamDiff.Server.Problems;

namespace StreamDiff.Server.Sessions;

/// <summary>
/// The JSON of a new session as values of <see cref="OptionTable"/>: numbers and switches become texts.
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
            var option = Find(property.Name)?.Name ?? property.Name;
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
    public static string FieldOf(OptionDefinition option) =>
        Renamed.FirstOrDefault(r => r.Value == option.Name).Key ?? option.Key;

    /// <summary>The option that a field is, in any spelling: "noiseScale" is noise-scale. Null where it is none.</summary>
    public static OptionDefinition? Find(string field) => OptionTable.Find(Renamed.GetValueOrDefault(field) ?? field);

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
