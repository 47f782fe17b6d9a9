namespace StreamDiff.CommandLine;

/// <summary>One-line messages for the user. They go to standard error, so that standard output holds results only.</summary>
public static class Say
{
    public static void Error(string text) => Console.Error.WriteLine($"error: {OneLine(text)}");

    public static void Note(string text) => Console.Error.WriteLine($"note: {OneLine(text)}");

    /// <summary>News of work under way.</summary>
    public static void Line(string text) => Console.Error.WriteLine(OneLine(text));

    private static string OneLine(string text) => text.ReplaceLineEndings(" ").Trim();
}
