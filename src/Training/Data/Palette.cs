namespace StreamDiff.Training.Data;

/// <summary>The colours of one scene: a few related ones, mostly muted, as in photographs, sometimes loud.</summary>
internal sealed class Palette
{
    private readonly float _spread = 1;
    private readonly (float Hue, float Saturation, float Value)[] _bases;

    public Palette(Random random)
    {
        _bases = new (float, float, float)[random.Next(2, 7)];
        var hue = random.NextSingle();
        // Screens and test pictures have the purest colours there are.
        if (random.Chance(0.12f))
        {
            for (var i = 0; i < _bases.Length; i++)
                _bases[i] = (random.Next(6) / 6f, random.Chance(0.8f) ? 1 : 0, random.Chance(0.85f) ? 1 : 0);
            _spread = 0;
            return;
        }
        var loud = random.Chance(0.3f) ? 1f : 0.55f;
        for (var i = 0; i < _bases.Length; i++)
        {
            var related = hue + 0.12f * random.Normal();
            var saturation = loud * MathF.Pow(random.NextSingle(), 0.8f);
            _bases[i] = (random.NextSingle() < 0.7f ? related : random.NextSingle(), saturation,
                0.06f + 0.94f * MathF.Sqrt(random.NextSingle()));
        }
    }

    public Colour Pick(Random random)
    {
        var (hue, saturation, value) = _bases[random.Next(_bases.Length)];
        return Colour.FromHsv(hue + 0.03f * _spread * random.Normal(), Math.Clamp(saturation + 0.1f * _spread * random.Normal(), 0, 1),
            Math.Clamp(value + 0.2f * _spread * random.Normal(), 0, 1));
    }
}

internal static class RandomExtensions
{
    /// <summary>Standard normal (Box and Muller).</summary>
    public static float Normal(this Random random) =>
        MathF.Sqrt(-2 * MathF.Log(1 - random.NextSingle())) * MathF.Cos(2 * MathF.PI * random.NextSingle());

    public static float Between(this Random random, float low, float high) => low + (high - low) * random.NextSingle();

    public static bool Chance(this Random random, float share) => random.NextSingle() < share;
}
