using System.Globalization;
using System.Text.RegularExpressions;

namespace StreamDiff.Pipeline.Plan;

/// <summary>Text to value; the message of each failure ends the sentence "NAME ...".</summary>
public static partial class OptionText
{
    public static int Whole(string text) =>
        int.TryParse(text, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out var value)
            ? value
            : throw new FormatException($"must be a whole number, not '{text}'");

    internal static long Long(string text) =>
        long.TryParse(text, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out var value)
            ? value
            : throw new FormatException($"must be a whole number of at most 64 bits, not '{text}'");

    public static double Number(string text) =>
        double.TryParse(text, NumberStyles.AllowLeadingSign | NumberStyles.AllowDecimalPoint, CultureInfo.InvariantCulture, out var value)
        && double.IsFinite(value)
            ? value
            : throw new FormatException($"must be a number, not '{text}'");

    public static bool Bool(string text) =>
        Truth(text) ?? throw new FormatException($"must be true or false, not '{text}'");

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

    /// <summary>A value of an enumeration as users write it, such as stream-batch; other values as numbers and texts are written.</summary>
    public static string Word(object value) =>
        value is Enum
            ? BeforeCapital().Replace($"{value}", "-").ToLowerInvariant()
            : Convert.ToString(value, CultureInfo.InvariantCulture)!;

    /// <summary>All values of an enumeration with their words.</summary>
    internal static (string Text, object Value)[] Words(Type type) => [.. Enum.GetValues(type).Cast<object>().Select(v => (Word(v), v))];

    /// <summary>Null where the text says neither.</summary>
    internal static bool? Truth(string text) => text.ToLowerInvariant() switch
    {
        "true" or "yes" or "on" => true,
        "false" or "no" or "off" => false,
        _ => null,
    };

    [GeneratedRegex("(?<=[a-z])(?=[A-Z])")]
    private static partial Regex BeforeCapital();
}
