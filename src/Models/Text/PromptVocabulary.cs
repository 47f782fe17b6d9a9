using System.Globalization;
using System.Text;
using StreamDiff.Models.Registry;

namespace StreamDiff.Models.Text;

/// <summary>What the words of a prompt name.</summary>
/// <param name="Styles">Names of the styles, in the order of the prompt, each once.</param>
/// <param name="Others">Words that name nothing, as they were written, each once; articles, prepositions and the like left out.</param>
public sealed record PromptWords(IReadOnlyList<string> Styles, IReadOnlyList<string> Others);

/// <summary>
/// Finds the names of a model's styles in a prompt: in any case, with or without accents and hyphens, in the plural and in forms such as
/// "sketched". The longest name counts:
/// "black and white movie" before "black and white". It knows words only; what a network makes of them is its own matter.
/// </summary>
public sealed class PromptVocabulary
{
    // Words that ask for no style and that nobody would miss.
    private static readonly HashSet<string> Small = new(StringComparer.Ordinal)
    {
        "a", "an", "and", "art", "as", "at", "be", "by", "drawn", "effect", "for", "from", "half", "i", "image", "in", "into", "is",
        "it", "like", "look", "looking", "looks", "made", "make", "me", "mix", "mixed", "my", "of", "on", "one", "or", "our",
        "picture", "please", "s", "so", "style", "styled", "that", "the", "this", "to", "turn", "version", "very", "video", "want",
        "with",
    };

    private readonly List<(string Style, string[] Stems)> _names;

    public PromptVocabulary(IReadOnlyList<StyleWords> styles) =>
        _names = [.. styles.SelectMany(s => s.Words.Select(w => (s.Name, Stems(w)))).OrderByDescending(n => n.Item2.Length)];

    /// <summary>True for a text with a letter or a digit in it.</summary>
    public static bool IsWord(string text) => Split(text).Any();

    /// <summary>What a prompt's words name.</summary>
    public PromptWords Read(string prompt)
    {
        var words = Split(PromptTokenizer.Clean(prompt)).ToList();
        var stems = words.ConvertAll(w => Stem(w.Plain));
        var (styles, others) = (new List<string>(), new List<string>());
        for (var i = 0; i < words.Count;)
        {
            var (style, name) =
                _names.Find(n => n.Stems.Length <= stems.Count - i && n.Stems.SequenceEqual(stems.GetRange(i, n.Stems.Length)));
            if (style is not null && !styles.Contains(style))
                styles.Add(style);
            else if (style is null && !Small.Contains(words[i].Plain)
                && !others.Contains(words[i].Written, StringComparer.OrdinalIgnoreCase))
                others.Add(words[i].Written);
            i += name?.Length ?? 1;
        }
        return new PromptWords(styles, others);
    }

    private static string[] Stems(string name) => [.. Split(name).Select(w => Stem(w.Plain))];

    // Runs of letters and digits, lower case and without accents; what is neither parts words, except where the whole word is a symbol such
    // as an emoji.
    private static IEnumerable<(string Written, string Plain)> Split(string text)
    {
        var word = new StringBuilder();
        foreach (var rune in text.EnumerateRunes())
        {
            if (Rune.IsLetterOrDigit(rune)
                || Rune.GetUnicodeCategory(rune) is UnicodeCategory.NonSpacingMark or UnicodeCategory.SpacingCombiningMark)
            {
                word.Append(rune);
                continue;
            }
            if (word.Length > 0)
                yield return (word.ToString(), Plain(word.ToString()));
            word.Clear();
            if (Rune.GetUnicodeCategory(rune) is UnicodeCategory.OtherSymbol)
                yield return (rune.ToString(), rune.ToString());
        }
        if (word.Length > 0)
            yield return (word.ToString(), Plain(word.ToString()));
    }

    private static string Plain(string word) =>
        string.Concat(word.Normalize(NormalizationForm.FormKD)
            .Where(c => CharUnicodeInfo.GetUnicodeCategory(c) != UnicodeCategory.NonSpacingMark)).ToLowerInvariant();

    // Endings that leave the meaning: paint, paints, painted, painting; sketch, sketches, sketchy. Short words are left as they are.
    private static string Stem(string word)
    {
        foreach (var ending in (string[])["ings", "ing", "es", "ed", "s", "ish", "y", "e"])
            if (word.Length - ending.Length >= (ending == "s" ? 3 : 4) && word.EndsWith(ending, StringComparison.Ordinal)
                && !word.EndsWith("ss", StringComparison.Ordinal))
                return word[..^ending.Length];
        return word;
    }
}
