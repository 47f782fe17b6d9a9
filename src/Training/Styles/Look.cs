using StreamDiff.Models;
using static TorchSharp.torch;

namespace StreamDiff.Training.Styles;

/// <summary>What a picture is to become: styles in equal parts, how strongly, and in which colours.</summary>
/// <param name="Styles">Indices into <see cref="StyleBank.All"/>: none (the picture stays as it is), one, or two.</param>
/// <param name="Strength">Share of the way from the picture to the style: 1 is the style itself, above it goes beyond.</param>
/// <param name="Colours">Indices into <see cref="ColourBank.All"/>: none, one, or shadows' and lights'.</param>
public sealed record Look(IReadOnlyList<int> Styles, float Strength, IReadOnlyList<int> Colours)
{
    /// <summary>The strength of "slightly".</summary>
    public const float Slight = 0.5f;

    /// <summary>The strength of "strongly".</summary>
    public const float Strong = 1.4f;

    /// <summary>No style at all.</summary>
    public static Look Plain { get; } = Of();

    /// <summary>Styles as they are.</summary>
    public static Look Of(params int[] styles) => new(styles, 1, []);

    /// <summary>Pictures [frames, 3, H, W] in [0, 1] as they are to become.</summary>
    public Tensor Paint(Tensor frames)
    {
        var painted = frames;
        if (Styles.Count > 0)
        {
            painted = StyleBank.All[Styles[0]].Target(frames);
            if (Styles.Count > 1)
                painted = painted.add(StyleBank.All[Styles[1]].Target(frames), Scalars.One).div(Scalars.Of(2f));
        }
        if (Strength != 1 && Styles.Count > 0)
            painted = frames.add(painted.sub(frames), Scalars.Of(Strength)).clamp(Scalars.Of(0), Scalars.One);
        return Colours.Count == 0 ? painted : ColourBank.Tone(painted, Colours[0], Colours[^1]);
    }

    public bool Equals(Look? other) =>
        other is not null && Strength == other.Strength && Styles.SequenceEqual(other.Styles) && Colours.SequenceEqual(other.Colours);

    public override int GetHashCode() => HashCode.Combine(
        Strength, Styles.Count, Styles.Count > 0 ? Styles[0] : 0, Colours.Count > 0 ? Colours[0] : 0);
}
