namespace StreamDiff.Models.Text;

/// <summary>What a model makes of a prompt.</summary>
/// <param name="Prompt">As it was written.</param>
/// <param name="Truncated">True when it was too long and its end has no effect.</param>
/// <param name="Words">What its words name. Null for a model that is not limited to a list of styles.</param>
/// <param name="TakenFor">The styles that the network is told of, the strongest first; none where it is told of no style.</param>
public sealed record PromptReading(string Prompt, bool Truncated, PromptWords? Words, IReadOnlyList<string> TakenFor)
{
    /// <summary>Every style that the text encoder speaks of at all, the strongest first; 1 is as strong as the style's own name.</summary>
    public IReadOnlyList<(string Style, float Share)> Shares { get; init; } = [];
}
