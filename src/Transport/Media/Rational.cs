namespace StreamDiff.Transport.Media;

/// <summary>An exact fraction: a frame rate in frames per second, or a time base in seconds per tick.</summary>
/// <param name="Numerator">The part above the line.</param>
/// <param name="Denominator">The part below the line; 0 marks an unknown value.</param>
public readonly record struct Rational(int Numerator, int Denominator)
{
    /// <summary>True for a fraction above zero: what a frame rate or a time base must be.</summary>
    public bool IsPositive => Numerator > 0 && Denominator > 0;

    /// <summary>The fraction upside down: the time base of a frame rate, and the other way round.</summary>
    public Rational Inverse => new(Denominator, Numerator);

    /// <summary>The nearest double.</summary>
    public double ToDouble() => Numerator / (double)Denominator;

    /// <summary>The time of <paramref name="ticks"/> when this is a time base.</summary>
    public TimeSpan ToTime(long ticks) => TimeSpan.FromTicks((long)((Int128)ticks * Numerator * TimeSpan.TicksPerSecond / Denominator));

    /// <summary>Ticks of this time base as ticks of <paramref name="target"/>, rounded to the nearest, halves away from zero.</summary>
    public long Rescale(long ticks, Rational target)
    {
        var numerator = (Int128)ticks * Numerator * target.Denominator;
        var denominator = (Int128)Denominator * target.Numerator;
        var half = denominator / 2;
        return (long)((numerator >= 0 ? numerator + half : numerator - half) / denominator);
    }

    /// <summary>Reads "30", "29.97" (as 30000/1001 where that is what is meant) or "30000/1001".</summary>
    /// <exception cref="FormatException">The text is none of these or not above zero.</exception>
    public static Rational Parse(string text)
    {
        ArgumentNullException.ThrowIfNull(text);
        return TryParse(text, out var value) ? value : throw new FormatException($"'{text}' is not a rate: write 30, 29.97 or 30000/1001.");
    }

    /// <summary>As <see cref="Parse"/>, without an exception.</summary>
    public static bool TryParse(string? text, out Rational value)
    {
        value = default;
        var parts = (text ?? "").Split('/');
        if (parts.Length == 2 && int.TryParse(parts[0], out var numerator) && int.TryParse(parts[1], out var denominator))
        {
            value = new Rational(numerator, denominator);
        }
        else if (parts.Length == 1 && decimal.TryParse(text, System.Globalization.NumberStyles.AllowDecimalPoint, null, out var number)
            && number is > 0 and < 100_000)
        {
            value = FromDecimal(number);
        }

        return value.IsPositive;
    }

    /// <summary>Numerator and denominator with a slash, or the whole number alone.</summary>
    public override string ToString() => Denominator == 1 ? $"{Numerator}" : $"{Numerator}/{Denominator}";

    // Broadcast rates are n*1000/1001 and are written with two or three decimals.
    private static Rational FromDecimal(decimal number)
    {
        var whole = (int)Math.Ceiling(number);
        if (whole != number && Math.Abs((whole * 1000m / 1001m) - number) < 0.006m)
        {
            return new Rational(whole * 1000, 1001);
        }

        return Reduced((int)Math.Round(number * 1000), 1000);
    }

    private static Rational Reduced(int numerator, int denominator)
    {
        var divisor = (int)System.Numerics.BigInteger.GreatestCommonDivisor(numerator, denominator);
        return divisor == 0 ? default : new Rational(numerator / divisor, denominator / divisor);
    }
}
