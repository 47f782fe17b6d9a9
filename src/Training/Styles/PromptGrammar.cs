using StreamDiff.Training.Data;

namespace StreamDiff.Training.Styles;

/// <summary>A prompt as a user might write it, and the styles it asks for.</summary>
/// <param name="Text">The words.</param>
/// <param name="Styles">Indices into <see cref="StyleBank.All"/>: none (the picture stays as it is), one, or two in equal parts.</param>
public sealed record StylePrompt(string Text, IReadOnlyList<int> Styles)
{
    /// <summary>No style at all.</summary>
    public static IReadOnlyList<int> Plain { get; } = [];
}

/// <summary>
/// Makes prompts around the names of styles: subjects, adjectives and chatter that change nothing, typing habits, mixtures, and prompts
/// without any style.
/// </summary>
public static class PromptGrammar
{
    private const float NoStyle = 0.1f;
    private const float Mixture = 0.15f;

    private static readonly string[] Subjects =
    [
        "a cat", "a dog", "a city street", "a portrait", "a person talking", "a woman", "a man at a desk", "mountains", "a forest",
        "the sea", "a car", "a room",
        "people walking", "a face", "flowers", "a bird", "a river", "buildings", "a gamer at a computer", "a concert", "a kitchen", "trees",
        "a horse", "children",
        "a street at noon", "my room", "a band on stage", "a bicycle", "a train", "the sky", "a garden", "a table with fruit", "a robot",
        "a dancer",
    ];

    private static readonly string[] Manners =
    [
        "{0}", "{0}", "{0}", "a {0}", "{0} style", "in the style of {0}", "{1}, {0}", "{0} of {1}", "a {0} of {1}", "{1} as {0}",
        "{1} in {0} style", "make it {0}",
        "turn this into {0}", "{0}, highly detailed", "{0}, {1}, best quality", "a beautiful {0}, {1}", "{0} effect",
        "{1} looking like {0}", "please {0}",
        "{0} look, masterpiece", "an image of {1} in {0}", "{2} {0}", "{0} {2}", "{1} {2}, {0}", "{0}, {2}",
    ];

    private static readonly string[] PlainManners =
    [
        "{0}", "{0} {1}", "{0}, highly detailed", "a video of {0}", "{1}", "{0} {1}, best quality", "", "{0} and {1}", "{1} {1}",
    ];

    private static readonly string[] Joints =
    [
        "{0} and {1}", "{0} mixed with {1}", "half {0}, half {1}", "{0} + {1}", "{0}, {1}", "{0} with {1}", "a mix of {0} and {1}",
        "{0} {1}",
    ];

    private static readonly string[] Fillers =
    [
        "highly detailed", "beautiful", "cinematic", "4k", "sharp", "dramatic", "quiet", "happy", "professional", "award winning",
        "live stream", "smooth", "epic",
        "detailed", "nice", "very", "modern", "simple", "amazing", "clean",
    ];

    /// <summary>Any prompt.</summary>
    /// <param name="random">Where it comes from.</param>
    /// <param name="mixtures">The pairs of styles that may be asked for together.</param>
    public static StylePrompt Next(Random random, IReadOnlyList<(int First, int Second)> mixtures)
    {
        var kind = random.NextSingle();
        if (kind < NoStyle)
            return new StylePrompt(
                Typed(random, Fill(random, Pick(random, PlainManners), Pick(random, Subjects), Chatter(random), "")), []);
        if (kind < NoStyle + Mixture)
        {
            var (first, second) = mixtures[random.Next(mixtures.Count)];
            var both = string.Format(null, Pick(random, Joints), Word(random, first), Word(random, second));
            return new StylePrompt(Typed(random, random.Chance(0.5f) ? both : $"{both}, {Pick(random, Subjects)}"), [first, second]);
        }
        return Of(random, random.Next(StyleBank.All.Count));
    }

    /// <summary>A prompt that asks for one style.</summary>
    public static StylePrompt Of(Random random, int style) =>
        new(Typed(random, Fill(random, Pick(random, Manners), Word(random, style), Pick(random, Subjects), Chatter(random))), [style]);

    private static string Fill(Random random, string manner, string a, string b, string c) =>
        string.Format(null, manner, a, random.Chance(0.8f) ? b : c, c);

    private static string Word(Random random, int style)
    {
        var words = StyleBank.All[style].Words;
        return random.Chance(0.3f) ? words[0] : words[random.Next(words.Count)];
    }

    // Half of it words, half of it letters that mean nothing: what is not known must not matter.
    private static string Chatter(Random random)
    {
        if (random.Chance(0.5f))
            return Pick(random, Fillers);
        var letters = new char[random.Next(3, 10)];
        for (var i = 0; i < letters.Length; i++)
            letters[i] = i % 2 == random.Next(5) / 4 ? "bcdfghjklmnprstvwz"[random.Next(18)] : "aeiouy"[random.Next(6)];
        return new string(letters);
    }

    private static string Typed(Random random, string text) => random.NextSingle() switch
    {
        < 0.12f => text.ToUpperInvariant(),
        < 0.35f when text.Length > 0 => char.ToUpperInvariant(text[0]) + text[1..],
        < 0.45f => text + ".",
        _ => text,
    };

    private static string Pick(Random random, string[] from) => from[random.Next(from.Length)];
}
