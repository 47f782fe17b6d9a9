using StreamDiff.Training.Data;

namespace StreamDiff.Training.Styles;

/// <summary>A prompt as a user might write it, and what it asks for.</summary>
/// <param name="Text">The words.</param>
/// <param name="Look">What the picture is to become.</param>
public sealed record StylePrompt(string Text, Look Look);

/// <summary>
/// Makes prompts around the names of styles: subjects, adjectives and chatter that change nothing, typing habits, mixtures, strengths,
/// colours, and prompts without any style.
/// </summary>
public static class PromptGrammar
{
    private const float NoStyle = 0.1f;
    private const float SpecialLook = 0.3f;

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

    private static readonly string[] DegreeManners =
    [
        "{0}", "{0}", "{0}", "{0}, {1}", "{0} style", "{1}, {0}", "{1} as {0}", "make it {0}", "{0}, highly detailed", "{0}, {2}",
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

    private static readonly string[] ColourManners =
    [
        "{0} in {1}", "{0} in {1}", "{0}, {1} tones", "{0}, {1} colors", "{0} with {1} tint", "{0}, {1} palette", "{1} tones, {0}",
        "{0} in {1} colours", "{0} in shades of {1}", "in {1}, {0}",
    ];

    private static readonly string[] Shades = ["light", "dark", "big", "old", "small", "bright", "shiny", "new"];

    /// <summary>Words for half of a style.</summary>
    public static IReadOnlyList<string> SlightWords { get; } =
        ["slightly", "subtle", "a hint of", "a little", "a touch of", "faintly", "mild", "lightly", "a bit of"];

    /// <summary>Words for more than a style.</summary>
    public static IReadOnlyList<string> StrongWords { get; } =
        ["strongly", "extreme", "very strong", "heavy", "intense", "intensely", "extremely", "exaggerated"];

    /// <summary>Any prompt.</summary>
    /// <param name="random">Where it comes from.</param>
    /// <param name="looks">What may be asked for beside single styles: mixtures, strengths, colours.</param>
    public static StylePrompt Next(Random random, IReadOnlyList<Look> looks)
    {
        var kind = random.NextSingle();
        if (kind < NoStyle)
            return new StylePrompt(
                Typed(random, Fill(random, Pick(random, PlainManners), Subject(random), Chatter(random), "")), Look.Plain);
        return kind < NoStyle + SpecialLook ? Of(random, looks[random.Next(looks.Count)]) : Of(random, random.Next(StyleBank.All.Count));
    }

    /// <summary>A prompt that asks for one style.</summary>
    public static StylePrompt Of(Random random, int style) => Of(random, Look.Of(style));

    /// <summary>A prompt that asks for a look.</summary>
    public static StylePrompt Of(Random random, Look look)
    {
        var text = look.Styles.Count switch
        {
            0 when look.Colours.Count == 0 => Subject(random),
            0 => random.Chance(0.5f) ? Subject(random) : "",
            1 => look.Strength == 1 ? Word(random, look.Styles[0]) : $"{Degree(random, look.Strength)} {Word(random, look.Styles[0])}",
            _ => string.Format(null, Pick(random, Joints), Word(random, look.Styles[0]), Word(random, look.Styles[1])),
        };
        if (look.Styles.Count == 1)
            text = Fill(
                random, Pick(random, look.Strength == 1 ? Manners : DegreeManners), text, Subject(random), Chatter(random));
        else if (look.Styles.Count > 1 && random.Chance(0.5f))
            text = $"{text}, {Subject(random)}";
        if (look.Colours.Count > 0)
        {
            var colours = string.Join(" and ", look.Colours.Select(c => ColourBank.All[c].Name));
            text = text.Length > 0 ? string.Format(null, Pick(random, ColourManners), text, colours)
                : random.Chance(0.5f) ? $"in {colours}" : $"{colours} tones";
        }
        return new StylePrompt(Typed(random, text), look);
    }

    /// <summary>A look beside the single styles.</summary>
    public static Look Special(Random random)
    {
        var kind = random.NextSingle();
        var style = random.Next(StyleBank.All.Count);
        if (kind < 0.42f)
            return Look.Of(style, (style + random.Next(1, StyleBank.All.Count)) % StyleBank.All.Count);
        if (kind < 0.68f)
            return Look.Of(style) with { Strength = random.Chance(0.6f) ? Look.Slight : Look.Strong };
        var first = random.Next(ColourBank.All.Count);
        int[] colours = random.Chance(0.55f) ? [first] : [first, (first + random.Next(1, ColourBank.All.Count)) % ColourBank.All.Count];
        return (random.Chance(0.25f) ? Look.Plain : Look.Of(style)) with { Colours = colours };
    }

    private static string Degree(Random random, float strength)
    {
        var words = strength < 1 ? SlightWords : StrongWords;
        return words[random.Next(words.Count)];
    }

    // A red car is a car: colours count where they are asked for as colours.
    private static string Subject(Random random)
    {
        var subject = Pick(random, Subjects);
        if (!random.Chance(0.15f) || !subject.StartsWith("a ", StringComparison.Ordinal))
            return subject;
        return $"a {(random.Chance(0.6f) ? ColourBank.All[random.Next(ColourBank.All.Count)].Name : Pick(random, Shades))} {subject[2..]}";
    }

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
