namespace StreamDiff.Training.Data;

/// <summary>An outline around the origin whose size is about 1: how far inside a point lies, negative outside.</summary>
internal sealed class Shape
{
    private readonly Kind _kind;
    private readonly float _aspect;
    private readonly int _corners;
    private readonly float _depth;
    private readonly string _text = "";

    public Shape(Random random, bool text = false)
    {
        _kind = text ? Kind.Text : (Kind)random.Next(4);
        _aspect = random.Between(0.35f, 1f);
        _corners = random.Next(3, 9);
        _depth = random.Between(0.1f, 0.5f);
        if (text)
            _text = string.Concat(
                Enumerable.Range(0, random.Next(2, 8)).Select(_ => BitmapFont.Characters[random.Next(BitmapFont.Characters.Length)]));
    }

    private enum Kind
    {
        Ellipse,
        Rectangle,
        Polygon,
        Star,
        Text,
    }

    public float Inside(float x, float y)
    {
        switch (_kind)
        {
            case Kind.Ellipse:
                return 1 - MathF.Sqrt(x * x + y * y / (_aspect * _aspect));
            case Kind.Rectangle:
                return Math.Min(1 - Math.Abs(x), _aspect - Math.Abs(y));
            case Kind.Text:
                return BitmapFont.Inside(_text, (x + 1) / 2, (y + 0.25f) / 0.5f);
            default:
                var radius = MathF.Sqrt(x * x + y * y);
                var sector = MathF.Atan2(y, x) * _corners / (2 * MathF.PI);
                var within = 2 * Math.Abs(sector - MathF.Round(sector));
                return _kind == Kind.Star
                    ? 1 - _depth * within - radius
                    : MathF.Cos(MathF.PI / _corners) / MathF.Cos(MathF.PI / _corners * (1 - within)) - radius;
        }
    }
}
