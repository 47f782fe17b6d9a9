namespace StreamDiff.Cli.Options;

/// <summary>Guesses what a mistyped name was meant to be.</summary>
internal static class Suggestion
{
    public static string For(string typed, IEnumerable<string> known)
    {
        var best = known.Select(k => (Name: k, Distance: Distance(typed.ToLowerInvariant(), k))).MinBy(k => k.Distance);
        return best.Name is not null && best.Distance <= Math.Max(1, typed.Length / 3) ? $": did you mean '{best.Name}'?" : "";
    }

    private static int Distance(string a, string b)
    {
        var row = Enumerable.Range(0, b.Length + 1).ToArray();
        for (var i = 1; i <= a.Length; i++)
        {
            var diagonal = row[0];
            row[0] = i;
            for (var j = 1; j <= b.Length; j++)
                (diagonal, row[j]) = (row[j], Math.Min(Math.Min(row[j], row[j - 1]) + 1, diagonal + (a[i - 1] == b[j - 1] ? 0 : 1)));
        }
        return row[b.Length];
    }
}
