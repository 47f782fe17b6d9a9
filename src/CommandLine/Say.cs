namespace StreamDiff.CommandLine;

/// <summary>One-line messages for the user. They go to standard error, so that standard output holds results only.</summary>
public static class Say
{
    private const int LongestLine = 2000;
    private const int KeptHead = 1200;
    private const int KeptTail = 600;

    /// <summary>Writes a line above what is drawn on the terminal; false where nothing is. Null: nothing ever is.</summary>
    public static Func<string, bool>? Above { get; set; }

    public static void Error(string text) => Write("error", "error", text, "error: ");

    public static void Note(string text) => Write("info", "note", text, "note: ");

    /// <summary>News of work under way.</summary>
    public static void Line(string text) => Write("info", "said", text, "");

    private static void Write(string level, string state, string text, string mark)
    {
        var line = mark + OneLine(text);
        if (JsonLog.IsOn)
            JsonLog.Write(level, state, line[mark.Length..]);
        else if (Above?.Invoke(line) != true)
            Console.Error.WriteLine(line);
    }

    /// <summary>Text as one line: what files and peers put into it moves no cursor and rings no bell.</summary>
    public static string OneLine(string text)
    {
        text = text.ReplaceLineEndings(" ").Trim();
        // A value may be a whole file by mistake; what to do about it stands at the end.
        if (text.Length > LongestLine)
            text = $"{text[..KeptHead]} ... {text[^KeptTail..]}";
        return text.Any(char.IsControl) ? string.Concat(text.Select(c => char.IsControl(c) ? ' ' : c)) : text;
    }
}
