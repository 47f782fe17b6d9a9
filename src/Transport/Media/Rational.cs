using System.Globalization;

namespace StreamDiff.Transport.Media;

/// <summary>A fraction, for frame rates and time bases.</summary>
public readonly record struct Rational(int Numerator, int Denominator)
{
    public double Value => (double)Numerator / Denominator;

    public Rational Inverse => new(Denominator, Numerator);

    /// <summary>Reads "30", "29.97", "30000/1001" or "30000:1001"; the usual decimal forms of NTSC rates become exact.</summary>
    public static bool TryParse(string text, out Rational rate)
    {
        rate = default;
        var parts = text.Split('/', ':');
        if (parts.Length == 2)
        {
            if (!int.TryParse(parts[0], NumberStyles.None, CultureInfo.InvariantCulture, out var n)
                || !int.TryParse(parts[1], NumberStyles.None, CultureInfo.InvariantCulture, out var d) || n == 0 || d == 0)
                return false;
            rate = new Rational(n, d);
            return true;
        }
        if (parts.Length != 1 || !double.TryParse(text, NumberStyles.AllowDecimalPoint, CultureInfo.InvariantCulture, out var value) || value is <= 0 or > 1000)
            return false;
        rate = Exact(value);
        return true;
    }

    public override string ToString() => Denominator == 1 ? $"{Numerator}" : $"{Numerator}/{Denominator}";

    private static Rational Exact(double value)
    {
        if (Math.Abs(value - Math.Round(value)) < 1e-9)
            return new Rational((int)Math.Round(value), 1);
        var ntsc = (int)Math.Ceiling(value);
        return Math.Abs(ntsc * 1000.0 / 1001 - value) < 0.005 ? new Rational(ntsc * 1000, 1001) : new Rational((int)Math.Round(value * 1000), 1000);
    }
}
