using System.Globalization;

namespace StreamDiff.Pipeline.Control;

/// <summary>How something moves from one value to another.</summary>
public enum Easing
{
    /// <summary>Evenly.</summary>
    Linear,

    /// <summary>Slowly at first and slowly at the end: 3x^2 - 2x^3.</summary>
    InOut,

    /// <summary>Slowly at first: x^2.</summary>
    In,

    /// <summary>Slowly at the end.</summary>
    Out,
}

/// <summary>What a length is counted in.</summary>
public enum LengthUnit
{
    Chunks,
    Seconds,
    Beats,
    Frames,
}

/// <summary>A length of a stream.</summary>
/// <param name="Value">More than 0.</param>
/// <param name="Unit">What it counts.</param>
public readonly record struct ControlLength(double Value, LengthUnit Unit = LengthUnit.Chunks)
{
    /// <summary>As control lines write it: 8, 2s, 4beats.</summary>
    public override string ToString() => string.Create(CultureInfo.InvariantCulture, $"{Value}{Unit switch
    {
        LengthUnit.Seconds => "s",
        LengthUnit.Beats => "beats",
        LengthUnit.Frames => "frames",
        _ => "",
    }}");
}

/// <summary>The way of a number to a new value, counted from the chunk at which its change takes effect.</summary>
/// <param name="Over">How long it takes; chunk i of N has gone i/N of the way. The default, 0 chunks, is at once.</param>
/// <param name="Easing">How.</param>
public readonly record struct Glide(ControlLength Over, Easing Easing = Easing.Linear)
{
    /// <summary>True where the new value holds at once.</summary>
    public bool IsNone => Over.Value <= 0;

    /// <summary>A way over so many chunks; none for one.</summary>
    public static Glide Of(int chunks, Easing easing = Easing.Linear) => chunks <= 1 ? default : new(new ControlLength(chunks), easing);

    /// <summary>Share of the way that is gone after a share of its length.</summary>
    /// <param name="easing">How.</param>
    /// <param name="share">0 to 1.</param>
    public static double Eased(Easing easing, double share) => easing switch
    {
        Easing.In => share * share,
        Easing.Out => share * (2 - share),
        Easing.InOut => share * share * (3 - 2 * share),
        _ => share,
    };
}
