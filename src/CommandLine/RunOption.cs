using System.Globalization;
using StreamDiff.Pipeline.Plan;

namespace StreamDiff.CommandLine;

/// <summary>One option of a run, the same on the command line and in a configuration file.</summary>
/// <param name="Name">Without dashes.</param>
/// <param name="Property">Property of <see cref="RestyleOptions"/> that it sets.</param>
/// <param name="Value">What stands for the value in the help.</param>
/// <param name="Help">One or two sentences, default included.</param>
/// <param name="Set">Puts a text into the options; throws <see cref="FormatException"/> saying what it must be.</param>
/// <param name="Show">The value as text; null where the model's default counts.</param>
/// <param name="Alias">Short form, such as -i.</param>
public sealed record RunOption(
    string Name, string Property, string Value, string Help,
    Func<RestyleOptions, string, RestyleOptions> Set, Func<RestyleOptions, string?> Show, string? Alias = null)
{
    private const string Begin = "Default: ";

    /// <summary>What the help says of the value that counts where none is given.</summary>
    public string Default =>
        Help.LastIndexOf(Begin, StringComparison.Ordinal) is var at and >= 0 ? Help[(at + Begin.Length)..].TrimEnd('.') : "none";
}

/// <summary>Text to value; the message of each failure ends the sentence "NAME ...".</summary>
public static class OptionText
{
    public static int Int(string text) =>
        int.TryParse(text, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out var value)
            ? value
            : throw new FormatException($"must be a whole number, not '{text}'");

    public static long Long(string text) =>
        long.TryParse(text, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out var value)
            ? value
            : throw new FormatException($"must be a whole number of at most 64 bits, not '{text}'");

    public static double Double(string text) =>
        double.TryParse(text, NumberStyles.AllowLeadingSign | NumberStyles.AllowDecimalPoint, CultureInfo.InvariantCulture, out var value)
        && double.IsFinite(value)
            ? value
            : throw new FormatException($"must be a number, not '{text}'");

    public static bool Bool(string text) => text.ToLowerInvariant() switch
    {
        "true" or "yes" or "on" => true,
        "false" or "no" or "off" => false,
        _ => throw new FormatException($"must be true or false, not '{text}'"),
    };

    public static (int Width, int Height) Size(string text)
    {
        var parts = text.ToLowerInvariant().Split('x', '*', ':');
        return parts.Length == 2
            && int.TryParse(parts[0], NumberStyles.None, CultureInfo.InvariantCulture, out var width)
            && int.TryParse(parts[1], NumberStyles.None, CultureInfo.InvariantCulture, out var height)
            ? (width, height)
            : throw new FormatException($"must be WIDTHxHEIGHT, such as 832x480, not '{text}'");
    }

    public static T Choice<T>(string text, params (string Text, T Value)[] choices)
    {
        foreach (var choice in choices)
            if (choice.Text.Equals(text, StringComparison.OrdinalIgnoreCase))
                return choice.Value;
        throw new FormatException($"must be {string.Join(" or ", choices.Select(c => c.Text))}, not '{text}'");
    }

    public static string? Show(IFormattable? value) => value?.ToString(null, CultureInfo.InvariantCulture);
}
