namespace StreamDiff.Models.Wan.Layers;

/// <summary>
/// Which prompt each row of a tick follows. Rows that lie side by side and share a prompt attend to it in one call, so that nothing of a
/// prompt is ever copied.
/// </summary>
internal sealed class RowPrompts
{
    /// <summary>One prompt for all rows, or one that was selected row by row (see <see cref="PromptContext.Select"/>).</summary>
    public RowPrompts(PromptContext prompt) => Groups = [new PromptGroup(0, null, prompt)];

    /// <summary>One prompt per row.</summary>
    public RowPrompts(IReadOnlyList<PromptContext> prompts)
    {
        var groups = new List<PromptGroup>();
        for (var row = 0; row < prompts.Count; row++)
        {
            if (groups.Count > 0 && ReferenceEquals(groups[^1].Prompt, prompts[row]))
                groups[^1] = groups[^1] with { Rows = groups[^1].Rows + 1 };
            else
                groups.Add(new PromptGroup(row, 1, prompts[row]));
        }
        Groups = groups.Count == 1 ? [groups[0] with { Rows = null }] : groups;
    }

    /// <summary>Rows grouped already.</summary>
    internal RowPrompts(IReadOnlyList<PromptGroup> groups) => Groups = groups;

    public IReadOnlyList<PromptGroup> Groups { get; }
}

/// <param name="FirstRow">First row of the tick.</param>
/// <param name="Rows">Number of rows; null where they are all.</param>
/// <param name="Prompt">What they follow.</param>
internal readonly record struct PromptGroup(int FirstRow, int? Rows, PromptContext Prompt);
