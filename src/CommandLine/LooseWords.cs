using StreamDiff.Pipeline.Plan;

namespace StreamDiff.CommandLine;

/// <summary>What stands on a command line without belonging to a known option or argument.</summary>
public static class LooseWords
{
    /// <summary>The words in order, without the values of unknown options, which are no fault of their own.</summary>
    /// <param name="tokens">What the parser left over.</param>
    /// <param name="literal">So many at the end came after "--" and are no options whatever they look like.</param>
    public static IEnumerable<(string Text, bool IsOption)> Of(IReadOnlyList<string> tokens, int literal = 0)
    {
        var afterUnknownOption = false;
        for (var i = 0; i < tokens.Count; i++)
        {
            var isOption = i < tokens.Count - literal && tokens[i].Length > 1 && tokens[i][0] == '-';
            if (isOption || !afterUnknownOption)
                yield return (tokens[i], isOption);
            afterUnknownOption = isOption && !tokens[i].Contains('=', StringComparison.Ordinal);
        }
    }

    /// <summary>The problem of an option that is not known, with what may have been meant.</summary>
    public static string UnknownOption(string text, IEnumerable<string> known) =>
        $"unknown option '{text}'{Suggestion.For(text.Split('=', 2)[0], known)}";
}
