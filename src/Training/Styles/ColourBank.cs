using StreamDiff.Models;
using static TorchSharp.torch;

namespace StreamDiff.Training.Styles;

/// <summary>A colour that a picture can be asked for in.</summary>
/// <param name="Name">One word.</param>
/// <param name="Value">Red, green, blue in [0, 1].</param>
public sealed record Colour(string Name, (float R, float G, float B) Value)
{
    /// <summary>What it is asked for by. The word alone is no such thing: a red car is a car.</summary>
    public IReadOnlyList<string> Words { get; } =
    [
        $"in {Name}", $"and {Name}", $"{Name} tones", $"{Name} colors", $"{Name} colours", $"{Name} palette", $"{Name} tint",
        $"shades of {Name}",
    ];
}

/// <summary>Colours beside styles: "an oil painting in blue and gold".</summary>
public static class ColourBank
{
    // How much of the picture's own colour is left: what differs should not become one.
    private const float Own = 0.2f;

    public static IReadOnlyList<Colour> All { get; } =
    [
        new("red", (0.85f, 0.12f, 0.12f)), new("orange", (0.95f, 0.5f, 0.1f)), new("gold", (0.9f, 0.72f, 0.2f)),
        new("green", (0.2f, 0.65f, 0.25f)), new("teal", (0.1f, 0.62f, 0.62f)), new("blue", (0.15f, 0.3f, 0.85f)),
        new("purple", (0.5f, 0.2f, 0.75f)), new("pink", (0.95f, 0.45f, 0.7f)), new("brown", (0.5f, 0.32f, 0.18f)),
    ];

    /// <summary>Brightness kept, colours from the first in the shadows to the second in the lights.</summary>
    /// <param name="x">[frames, 3, H, W] in [0, 1].</param>
    /// <param name="shadows">Index into <see cref="All"/>.</param>
    /// <param name="lights">Another, or the same.</param>
    public static Tensor Tone(Tensor x, int shadows, int lights)
    {
        var (a, b) = (All[shadows].Value, All[lights].Value);
        var toned = shadows == lights
            ? ImageFilters.Ramp(ImageFilters.Luma(x), Mix(a, 0, 0.85f), Mix(a, 0, 0.35f), a, Mix(a, 1, 0.5f), Mix(a, 1, 0.85f))
            : ImageFilters.Ramp(ImageFilters.Luma(x), Mix(a, 0, 0.85f), Mix(a, 0, 0.2f), Between(a, b), b, Mix(b, 1, 0.75f));
        return toned.mul(Scalars.Of(1 - Own)).add(x, Scalars.Of(Own));
    }

    private static (float, float, float) Mix((float R, float G, float B) colour, float grey, float share) =>
        (colour.R + (grey - colour.R) * share, colour.G + (grey - colour.G) * share, colour.B + (grey - colour.B) * share);

    private static (float, float, float) Between((float R, float G, float B) a, (float R, float G, float B) b) =>
        ((a.R + b.R) / 2, (a.G + b.G) / 2, (a.B + b.B) / 2);
}
