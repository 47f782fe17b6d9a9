using System.Net;
using System.Text;
using System.Text.RegularExpressions;

namespace StreamDiff.Models.Text;

/// <summary>A prompt as the text encoder takes it.</summary>
/// <param name="Ids">Token ids, padded with 0 to the model's text length.</param>
/// <param name="Length">Tokens before the padding, the end mark included.</param>
/// <param name="Truncated">True when the prompt was too long and its end was left out.</param>
public sealed record PromptTokens(long[] Ids, int Length, bool Truncated);

/// <summary>
/// Cleans a prompt and cuts it into tokens: HTML unescaped, white space joined, the end mark appended, padded or cut to a fixed length.
/// </summary>
public sealed partial class PromptTokenizer(SentencePieceTokenizer pieces, int textLength)
{
    /// <summary>End of text in T5 vocabularies.</summary>
    public const int EndId = 1;

    /// <summary>Padding in T5 vocabularies.</summary>
    public const int PaddingId = 0;

    /// <summary>Tokens of a prompt; where it is too long its end is left out, never the end mark.</summary>
    public PromptTokens Tokenize(string prompt)
    {
        var ids = pieces.Encode(Clean(prompt));
        var kept = Math.Min(ids.Length, textLength - 1);
        var padded = new long[textLength];
        for (var i = 0; i < kept; i++)
            padded[i] = ids[i];
        padded[kept] = EndId;
        return new PromptTokens(padded, kept + 1, kept < ids.Length);
    }

    /// <summary>Pieces of a text, without the end mark, however many fit.</summary>
    public int Count(string text) => pieces.Encode(Clean(text)).Length;

    /// <summary>
    /// HTML entities resolved (twice, as the published code does for doubly escaped text), Unicode composed, white space joined and
    /// trimmed.
    /// </summary>
    public static string Clean(string prompt)
    {
        var text = WithoutHalfPairs(WebUtility.HtmlDecode(WebUtility.HtmlDecode(prompt)));
        return WhiteSpace().Replace(text.Normalize(NormalizationForm.FormC), " ").Trim();
    }

    // Half a surrogate pair is no character; encoders write U+FFFD in its place.
    private static string WithoutHalfPairs(string text) => Encoding.UTF8.GetString(Encoding.UTF8.GetBytes(text));

    [GeneratedRegex(@"\s+")]
    private static partial Regex WhiteSpace();
}
