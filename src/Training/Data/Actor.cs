namespace StreamDiff.Training.Data;

/// <summary>Something that moves by itself: drifts, swings, turns, comes nearer.</summary>
internal sealed class Actor
{
    private readonly Leaf _leaf;
    private readonly float _x, _y, _speedX, _speedY, _swing, _rhythm, _turn, _turning, _growth;

    public Actor(Random random, Palette palette, int width, int height)
    {
        var kind = random.NextSingle();
        var radius = MathF.Pow(random.NextSingle(), 2) * 0.3f * width + 6;
        _leaf = new Leaf(random, palette, radius, face: kind < 0.3f, text: kind > 0.85f);
        (_x, _y) = (random.NextSingle() * width, random.NextSingle() * height);
        var speed = width / 320f * MathF.Pow(random.NextSingle(), 2) * 6;
        var angle = random.Between(0, 2 * MathF.PI);
        (_speedX, _speedY) = (speed * MathF.Cos(angle), speed * MathF.Sin(angle));
        _swing = random.Chance(0.4f) ? random.Between(0, 20) : 0;
        _rhythm = random.Between(0.1f, 0.6f);
        _turn = kind < 0.3f ? random.Between(-0.3f, 0.3f) : random.Between(0, 6.3f);
        _turning = random.Chance(0.5f) ? random.Between(-0.08f, 0.08f) : 0;
        _growth = random.Chance(0.3f) ? random.Between(-0.015f, 0.015f) : 0;
    }

    public void Draw(Canvas canvas, float t, Scene.View view) => _leaf.Draw(
        canvas,
        _x + _speedX * t + _swing * MathF.Sin(_rhythm * t) - view.X,
        _y + _speedY * t + 0.5f * _swing * MathF.Cos(1.3f * _rhythm * t) - view.Y,
        _turn + _turning * t,
        view.Zoom * MathF.Exp(_growth * t));
}
