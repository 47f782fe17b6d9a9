namespace StreamDiff.Training.Data;

/// <summary>
/// A backdrop under a camera that pans, zooms, turns and shakes, things that move by themselves in front of it, and light that changes.
/// </summary>
internal sealed class Scene
{
    private const float Margin = 1.5f;
    private readonly Canvas _backdrop;
    private readonly List<Actor> _actors = [];
    private readonly Camera _camera;
    private readonly Light _light;

    public Scene(Random random, int width, int height)
    {
        var palette = new Palette(random);
        _backdrop = Backdrop.Make(random, palette, (int)(Margin * width), (int)(Margin * height));
        _camera = new Camera(random, width);
        _light = new Light(random);
        var count = random.Chance(0.2f) ? 0 : random.Next(1, 9);
        for (var i = 0; i < count; i++)
            _actors.Add(new Actor(random, palette, width, height));
    }

    /// <summary>Draws frame t (in frames) and gives it to <paramref name="canvas"/>.</summary>
    public void Draw(Canvas canvas, float t)
    {
        var view = _camera.At(t);
        var (sin, cos) = MathF.SinCos(view.Turn);
        var (middleX, middleY) = (_backdrop.Width / 2f + view.X, _backdrop.Height / 2f + view.Y);
        for (var y = 0; y < canvas.Height; y++)
        {
            for (var x = 0; x < canvas.Width; x++)
            {
                var (u, v) = ((x - canvas.Width / 2f) / view.Zoom, (y - canvas.Height / 2f) / view.Zoom);
                canvas.Set(x, y, _backdrop.Sample(middleX + cos * u - sin * v, middleY + sin * u + cos * v));
            }
        }
        foreach (var actor in _actors)
            actor.Draw(canvas, t, view);
        _light.Apply(canvas, t);
    }

    internal readonly record struct View(float X, float Y, float Zoom, float Turn);

    private sealed class Camera
    {
        private readonly float _speedX, _speedY, _zoom, _zooming, _turning, _shake, _rhythm, _phase;

        public Camera(Random random, int width)
        {
            // Half of all cameras stand still or nearly so; a few race.
            var speed = random.Chance(0.35f) ? 0 : width / 320f * MathF.Pow(random.NextSingle(), 2) * 5;
            var angle = random.Between(0, 2 * MathF.PI);
            (_speedX, _speedY) = (speed * MathF.Cos(angle), 0.6f * speed * MathF.Sin(angle));
            _zoom = random.Between(0.8f, 1.8f);
            _zooming = random.Chance(0.3f) ? random.Between(-0.012f, 0.012f) : 0;
            _turning = random.Chance(0.2f) ? random.Between(-0.015f, 0.015f) : 0;
            _shake = random.Chance(0.4f) ? random.Between(0, 2.5f) : 0;
            (_rhythm, _phase) = (random.Between(0.2f, 1.5f), random.Between(0, 6.3f));
        }

        public View At(float t) => new(
            _speedX * t + _shake * MathF.Sin(_rhythm * t + _phase) + 0.5f * _shake * MathF.Sin(2.7f * _rhythm * t),
            _speedY * t + _shake * MathF.Sin(1.3f * _rhythm * t + 2 * _phase),
            _zoom * MathF.Exp(_zooming * t),
            _turning * t);
    }

    private sealed class Light
    {
        private readonly float _swing, _rhythm, _gamma, _gain, _vignette, _sweep;
        private readonly Colour _cast;

        public Light(Random random)
        {
            _swing = random.Chance(0.3f) ? random.Between(0, 0.35f) : 0;
            _rhythm = random.Between(0.02f, 0.5f);
            _gamma = MathF.Exp(0.3f * random.Normal());
            _gain = random.Between(0.7f, 1.15f);
            _vignette = random.Chance(0.3f) ? random.Between(0, 0.6f) : 0;
            _sweep = random.Chance(0.15f) ? random.Between(0.2f, 0.7f) : 0;
            _cast = new Colour(1 + 0.1f * random.Normal(), 1, 1 + 0.1f * random.Normal());
        }

        public void Apply(Canvas canvas, float t)
        {
            var gain = _gain * (1 + _swing * MathF.Sin(_rhythm * t));
            for (var y = 0; y < canvas.Height; y++)
            {
                for (var x = 0; x < canvas.Width; x++)
                {
                    var (u, v) = (2f * x / canvas.Width - 1, 2f * y / canvas.Height - 1);
                    var here = gain * (1 - _vignette * 0.5f * (u * u + v * v));
                    if (_sweep > 0)
                        here *= 1 + _sweep * MathF.Exp(-8 * MathF.Pow(u - MathF.Sin(0.08f * t), 2));
                    var at = 3 * (y * canvas.Width + x);
                    canvas.Rgb[at] = Curve(canvas.Rgb[at] * _cast.R) * here;
                    canvas.Rgb[at + 1] = Curve(canvas.Rgb[at + 1]) * here;
                    canvas.Rgb[at + 2] = Curve(canvas.Rgb[at + 2] * _cast.B) * here;
                }
            }
        }

        // A power of 1 is common enough to be worth leaving out, and powers are what this costs.
        private float Curve(float v) => Math.Abs(_gamma - 1) < 0.1f ? v : MathF.Pow(Math.Max(v, 0), _gamma);
    }
}
