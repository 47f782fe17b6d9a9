namespace StreamDiff.CommandLine;

/// <summary>One-line messages for the user. They go to standard error, so that standard output holds results only.</summary>
public static class Say
{
    public static void Error(string text) => Write($"error: {OneLine(text)}");

    public static void Note(string text) => Write($"note: {OneLine(text)}");

    /// <summary>News of work under way.</summary>
    public static void Line(string text) => Write(OneLine(text));

    private static void Write(string line)
    {
        if (!LiveBar.TryWriteAbove(line))
            Console.Error.WriteLine(line);
    }

    private static string OneLine(string text) => text.ReplaceLineEndings(" ").Trim();
}
