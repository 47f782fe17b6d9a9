namespace StreamDiff.Pipeline.Control;

/// <summary>What the user should know of a prompt.</summary>
internal static class PromptNotes
{
    private const int LongestShown = 40;

    /// <summary>Says that the end of a prompt has no effect.</summary>
    public static Action<string> Truncated(Action<string> note) =>
        prompt => note($"the prompt '{(prompt.Length <= LongestShown ? prompt : prompt[..LongestShown] + "...")}' is longer than the model reads: its end had no effect");
}
