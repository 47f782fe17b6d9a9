using System.Globalization;
using System.Text;

namespace StreamDiff.Pipeline.Control;

/// <summary>Words of one line, separated by blanks; a text in double quotes is one word, \" and \\ standing for themselves in it.</summary>
internal sealed class ControlWords
{
    private readonly List<(string Text, bool Quoted)> _words = [];
    private int _next;

    /// <exception cref="FormatException">A quote is not closed.</exception>
    public ControlWords(string line)
    {
        var at = 0;
        while (true)
        {
            while (at < line.Length && char.IsWhiteSpace(line[at]))
                at++;
            // What follows a # is a comment.
            if (at == line.Length || line[at] == '#')
                return;
            _words.Add(line[at] == '"' ? (Quoted(line, ref at), true) : (Plain(line, ref at), false));
        }
    }

    public bool IsAtEnd => _next == _words.Count;

    /// <summary>Takes a word if it is the given one; case does not matter.</summary>
    public bool TryTake(string word)
    {
        if (IsAtEnd || _words[_next].Quoted || !_words[_next].Text.Equals(word, StringComparison.OrdinalIgnoreCase))
            return false;
        _next++;
        return true;
    }

    /// <summary>The next word; null where there is none, or one in quotes.</summary>
    public string? Peek => IsAtEnd || _words[_next].Quoted ? null : _words[_next].Text;

    /// <exception cref="FormatException">There is none.</exception>
    public string Word(string wanted) => IsAtEnd ? throw new FormatException($"{wanted} is missing") : _words[_next++].Text;

    /// <summary>A text in quotes; null where the next word is none.</summary>
    public string? QuotedText() => !IsAtEnd && _words[_next].Quoted ? _words[_next++].Text : null;

    /// <exception cref="FormatException">There is no such number.</exception>
    public long Whole(string name, long from, long to)
    {
        var word = Word($"{name}, a whole number from {from} to {to},");
        return long.TryParse(word, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out var value) && value >= from
            && value <= to
            ? value
            : throw new FormatException($"{name} must be a whole number from {from} to {to}, not '{word}'");
    }

    /// <exception cref="FormatException">There is no such number.</exception>
    public double Number(string name, double from, double to)
    {
        var range = string.Create(CultureInfo.InvariantCulture, $"a number from {from} to {to}");
        var word = Word($"{name}, {range},");
        return double.TryParse(word, NumberStyles.AllowLeadingSign | NumberStyles.AllowDecimalPoint | NumberStyles.AllowExponent,
            CultureInfo.InvariantCulture, out var value) && value >= from && value <= to
            ? value
            : throw new FormatException($"{name} must be {range}, not '{word}'");
    }

    /// <summary>A length in seconds or beats, such as 2s, 1.5s or 4beats; null where the next word is none.</summary>
    public ControlLength? Length(double longest)
    {
        if (Peek is not { } word)
            return null;
        foreach (var (ending, unit) in Endings)
            if (word.EndsWith(ending, StringComparison.OrdinalIgnoreCase)
                && double.TryParse(word[..^ending.Length], NumberStyles.AllowDecimalPoint, CultureInfo.InvariantCulture, out var value)
                && value > 0 && value <= longest)
            {
                _next++;
                return new ControlLength(value, unit);
            }
        return null;
    }

    private static readonly (string Ending, LengthUnit Unit)[] Endings =
    [
        ("seconds", LengthUnit.Seconds), ("frames", LengthUnit.Frames), ("chunks", LengthUnit.Chunks), ("beats", LengthUnit.Beats),
        ("beat", LengthUnit.Beats), ("s", LengthUnit.Seconds),
    ];

    /// <summary>Nothing may follow.</summary>
    /// <exception cref="FormatException">Something does.</exception>
    public void End(string after)
    {
        if (!IsAtEnd)
            throw new FormatException($"'{_words[_next].Text}' is not understood after {after}");
    }

    private static string Plain(string line, ref int at)
    {
        var start = at;
        while (at < line.Length && !char.IsWhiteSpace(line[at]))
            at++;
        return line[start..at];
    }

    private static string Quoted(string line, ref int at)
    {
        var text = new StringBuilder();
        for (at++; at < line.Length; at++)
        {
            if (line[at] == '"')
            {
                at++;
                return text.ToString();
            }
            if (line[at] == '\\' && at + 1 < line.Length && line[at + 1] is ('"' or '\\'))
                at++;
            text.Append(line[at]);
        }
        throw new FormatException("a text in quotes is not closed");
    }
}
