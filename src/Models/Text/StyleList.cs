namespace StreamDiff.Models.Text;

/// <summary>All that a model was taught, in words.</summary>
public sealed record StyleList
{
    public required IReadOnlyList<StyleWords> Known { get; init; }

    /// <summary>What can stand beside a style, how strongly and in which colours. Default: nothing.</summary>
    public IReadOnlyList<StyleWords> Modifiers { get; init; } = [];

    /// <summary>Styles and modifiers.</summary>
    public IEnumerable<StyleWords> All => Known.Concat(Modifiers);

    /// <summary>Prompts that ask for no style: what the text encoder says without one is measured by them.</summary>
    public required IReadOnlyList<string> Plain { get; init; }
}

/// <summary>A style that a model knows.</summary>
/// <param name="Name">Its plain name.</param>
/// <param name="Words">What it is asked for by, each one word or several.</param>
public sealed record StyleWords(string Name, IReadOnlyList<string> Words);
