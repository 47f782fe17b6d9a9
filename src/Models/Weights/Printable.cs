namespace StreamDiff.Models.Weights;

/// <summary>Text from a file, fit for a one-line message whatever the file holds.</summary>
internal static class Printable
{
    private const int Longest = 120;

    public static string Of(string? text)
    {
        text ??= "";
        var cut = text.Length > Longest ? text[..Longest] + "..." : text;
        return string.Create(cut.Length, cut, (to, from) =>
        {
            for (var i = 0; i < to.Length; i++)
                to[i] = char.IsControl(from[i]) || from[i] is '\u2028' or '\u2029' ? '?' : from[i];
        });
    }

    /// <summary>The first few, and how many there are.</summary>
    public static string List(IEnumerable<string> names, int most = 8)
    {
        var all = names.ToList();
        return string.Join(", ", all.Take(most).Select(Of)) + (all.Count > most ? $" and {all.Count - most} more" : "");
    }
}
