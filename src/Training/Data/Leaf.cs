namespace StreamDiff.Training.Data;

/// <summary>Something with an outline, a colour that changes across it, and a surface.</summary>
internal sealed class Leaf
{
    private readonly Shape _shape;
    private readonly Colour _from;
    private readonly Colour _to;
    private readonly FractalNoise? _surface;
    private readonly float _depth;
    private readonly (float X, float Y) _light;
    private readonly bool _face;

    public Leaf(Random random, Palette palette, float radius, bool face = false, bool text = false)
    {
        _shape = new Shape(random, text);
        _from = palette.Pick(random);
        _to = Colour.Mix(_from, palette.Pick(random), random.NextSingle() * 0.8f);
        var angle = random.Between(0, 2 * MathF.PI);
        _light = (MathF.Cos(angle), MathF.Sin(angle));
        _face = face;
        if (face)
        {
            _from = Colour.FromHsv(random.Between(0.02f, 0.11f), random.Between(0.2f, 0.6f), random.Between(0.35f, 0.95f));
            _to = _from.Scaled(random.Between(0.5f, 0.9f));
        }
        // A surface costs time and cannot be seen on what is a few pixels wide.
        if (radius > 6 && random.Chance(0.7f))
        {
            _surface = new FractalNoise(random, random.Between(0.1f, 1f) * radius + 2, random.Between(0.3f, 0.85f));
            _depth = random.Between(0.1f, 0.8f);
        }
        Radius = radius;
    }

    public float Radius { get; }

    /// <summary>Draws it at a place, turned and scaled, its edge as soft as a lens makes it.</summary>
    public void Draw(Canvas canvas, float centreX, float centreY, float turn, float scale)
    {
        var radius = Radius * scale;
        var (left, right) = (Math.Max(0, (int)(centreX - 1.1f * radius)), Math.Min(canvas.Width - 1, (int)(centreX + 1.1f * radius) + 1));
        var (top, bottom) = (Math.Max(0, (int)(centreY - 1.1f * radius)), Math.Min(canvas.Height - 1, (int)(centreY + 1.1f * radius) + 1));
        var (sin, cos) = MathF.SinCos(turn);
        for (var y = top; y <= bottom; y++)
        {
            for (var x = left; x <= right; x++)
            {
                var (dx, dy) = ((x - centreX) / radius, (y - centreY) / radius);
                var (u, v) = (cos * dx + sin * dy, cos * dy - sin * dx);
                var cover = Math.Clamp(OutlineInside(u, v) * radius + 0.5f, 0, 1);
                if (cover > 0)
                    canvas.Blend(x, y, ColourAt(u, v), cover);
            }
        }
    }

    private float OutlineInside(float u, float v) => _face ? 1 - MathF.Sqrt(u * u / 0.6f + v * v) : _shape.Inside(u, v);

    private Colour ColourAt(float u, float v)
    {
        var share = Math.Clamp(0.5f + 0.5f * (u * _light.X + v * _light.Y), 0, 1);
        if (_surface is not null)
            share = Math.Clamp(share + _depth * (_surface.At(u * Radius + 300, v * Radius + 300) - 0.5f), 0, 1);
        var colour = Colour.Mix(_from, _to, share);
        return _face ? Features(colour, u, v) : colour;
    }

    // Two eyes, a mouth and hair: what a head has in common with another at this size.
    private Colour Features(Colour skin, float u, float v)
    {
        if (v < -0.5f - 0.2f * u * u)
            return _to.Scaled(0.35f);
        var eye = Math.Min(Distance(u - 0.3f, (v + 0.12f) * 1.6f), Distance(u + 0.3f, (v + 0.12f) * 1.6f));
        if (eye < 0.13f)
            return eye < 0.06f ? Colour.Grey(0.05f) : Colour.Grey(0.9f);
        var mouth = Distance(u * 0.5f, (v - 0.48f - 0.15f * u * u) * 2.5f);
        return mouth < 0.13f ? new Colour(0.6f * skin.R, 0.3f * skin.G, 0.3f * skin.B) : skin;
    }

    private static float Distance(float x, float y) => MathF.Sqrt(x * x + y * y);
}
