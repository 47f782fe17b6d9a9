using System.Globalization;
using System.Text;
using System.Text.RegularExpressions;

namespace StreamDiff.Models.Text;

/// <summary>A part of a prompt that counts more or less than the rest.</summary>
/// <param name="Start">Its first character in the plain text.</param>
/// <param name="End">The character behind its last.</param>
/// <param name="Weight">0 to 4; 1 is as it is.</param>
public readonly record struct WeightedPart(int Start, int End, double Weight);

/// <summary>
/// Weights in prompts, in the spelling of other programs: "a (neon:1.3) street". Parts are not nested; what is no weight from 0 to 4 stays
/// text. The embeddings of a part's tokens are multiplied by it, so nothing but the prompt itself is needed.
/// </summary>
public static partial class PromptWeights
{
    /// <summary>The text without weights, and the parts that have some.</summary>
    public static (string Plain, IReadOnlyList<WeightedPart> Parts) Read(string prompt)
    {
        if (!prompt.Contains('(', StringComparison.Ordinal))
            return (prompt, []);
        var (plain, parts, at) = (new StringBuilder(), new List<WeightedPart>(), 0);
        foreach (Match match in Weighted().Matches(prompt))
        {
            var weight = double.Parse(match.Groups[2].ValueSpan, CultureInfo.InvariantCulture);
            if (weight > 4)
                continue;
            plain.Append(prompt, at, match.Index - at);
            var start = plain.Length;
            plain.Append(match.Groups[1].ValueSpan);
            parts.Add(new WeightedPart(start, plain.Length, weight));
            at = match.Index + match.Length;
        }
        return (plain.Append(prompt, at, prompt.Length - at).ToString(), parts);
    }

    [GeneratedRegex(@"\(([^():]+):([0-9]{1,2}(?:\.[0-9]{1,6})?)\)")]
    private static partial Regex Weighted();
}
