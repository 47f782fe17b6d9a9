using StreamDiff.Pipeline.Plan;

namespace StreamDiff.CommandLine;

/// <summary>Lists such as 1,2,4.</summary>
public static class ListText
{
    /// <summary>Every entry read; what is wrong is added to the problems.</summary>
    public static IReadOnlyList<T> Read<T>(string name, string text, Func<string, T> read, List<string> problems)
    {
        var values = new List<T>();
        foreach (var entry in text.Split(',', StringSplitOptions.TrimEntries))
        {
            try
            {
                values.Add(read(entry));
            }
            catch (FormatException e)
            {
                problems.Add($"{name} {e.Message}");
            }
        }
        return values;
    }

    public static T Word<T>(string text)
        where T : struct, Enum =>
        OptionText.Choice(text, [.. Enum.GetValues<T>().Select(v => (v.ToString().ToLowerInvariant(), v))]);
}
