namespace StreamDiff.Pipeline.Plan;

/// <summary>Guesses what a mistyped name was meant to be.</summary>
public static class Suggestion
{
    public static string For(string typed, IEnumerable<string> known)
    {
        var best = known.Select(k => (Name: k, Distance: Distance(typed.TrimStart('-').ToLowerInvariant(), k.TrimStart('-'))))
            .MinBy(k => k.Distance);
        return best.Name is not null && best.Distance <= Math.Max(1, typed.Length / 3) ? $": did you mean '{best.Name}'?" : "";
    }

    // Letters changed, added, left out, or swapped with their neighbour.
    private static int Distance(string a, string b)
    {
        var d = new int[a.Length + 1, b.Length + 1];
        for (var i = 0; i <= a.Length; i++)
            d[i, 0] = i;
        for (var j = 0; j <= b.Length; j++)
            d[0, j] = j;
        for (var i = 1; i <= a.Length; i++)
        {
            for (var j = 1; j <= b.Length; j++)
            {
                d[i, j] = Math.Min(Math.Min(d[i - 1, j], d[i, j - 1]) + 1, d[i - 1, j - 1] + (a[i - 1] == b[j - 1] ? 0 : 1));
                if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
                    d[i, j] = Math.Min(d[i, j], d[i - 2, j - 2] + 1);
            }
        }
        return d[a.Length, b.Length];
    }
}
