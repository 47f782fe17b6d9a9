using System.Numerics;

namespace StreamDiff.Training.Data;

/// <summary>What fills the picture behind everything that moves by itself.</summary>
internal static class Backdrop
{
    // Sizes of things in photographs follow a power law: seen from any distance they look alike (Lee, Mumford, Huang 2001, the dead leaves
    // model).
    private const float SmallestLeaf = 2.5f;

    public static Canvas Make(Random random, Palette palette, int width, int height)
    {
        var canvas = new Canvas(width, height);
        var kind = random.NextSingle();
        if (kind < 0.52f)
            DeadLeaves(random, palette, canvas);
        else if (kind < 0.68f)
            Surface(random, palette, canvas);
        else if (kind < 0.78f)
            Gradient(random, palette, canvas);
        else if (kind < 0.86f)
            Mandelbrot(random, palette, canvas);
        else if (kind < 0.90f)
            Pattern(random, palette, canvas);
        else if (kind < 0.92f)
            Bars(random, palette, canvas);
        else if (kind < 0.96f)
            Cells(random, palette, canvas);
        else
            Page(random, canvas);
        return canvas;
    }

    private static void DeadLeaves(Random random, Palette palette, Canvas canvas)
    {
        Gradient(random, palette, canvas);
        var largest = random.Between(0.1f, 0.5f) * canvas.Width;
        var smallest = SmallestLeaf * random.Between(0.8f, 4f);
        var area = 0f;
        var wanted = random.Between(0.8f, 3f) * canvas.Width * canvas.Height;
        while (area < wanted)
        {
            // Density r^-3 between the smallest and the largest.
            var u = random.NextSingle();
            var radius = 1 / MathF.Sqrt(u / (smallest * smallest) + (1 - u) / (largest * largest));
            area += 3 * radius * radius;
            new Leaf(random, palette, radius).Draw(
                canvas, random.NextSingle() * canvas.Width, random.NextSingle() * canvas.Height, random.Between(0, 6.3f), 1);
        }
    }

    private static void Surface(Random random, Palette palette, Canvas canvas)
    {
        var noise = new FractalNoise(random, random.Between(8, 160), random.Between(0.35f, 0.8f));
        var colours = new[] { palette.Pick(random), palette.Pick(random), palette.Pick(random) };
        var stretch = random.Between(0.3f, 3f);
        var gain = random.Between(1f, 2.5f);
        Fill(canvas, (x, y) => Ramp(colours, Math.Clamp(0.5f + gain * (noise.At(x, y * stretch) - 0.5f), 0, 1)));
    }

    private static void Gradient(Random random, Palette palette, Canvas canvas)
    {
        var colours = Enumerable.Range(0, random.Next(2, 5)).Select(_ => palette.Pick(random)).ToArray();
        var angle = random.Between(0, 2 * MathF.PI);
        var (dx, dy) = (MathF.Cos(angle) / canvas.Width, MathF.Sin(angle) / canvas.Height);
        var round = random.Chance(0.3f);
        Fill(canvas, (x, y) =>
        {
            var (u, v) = (x - canvas.Width / 2f, y - canvas.Height / 2f);
            var at = round ? 2 * MathF.Sqrt(u * u + v * v) / canvas.Width : 0.5f + u * dx + v * dy;
            return Ramp(colours, Math.Clamp(at, 0, 1));
        });
    }

    private static void Mandelbrot(Random random, Palette palette, Canvas canvas)
    {
        var colours = Enumerable.Range(0, 5).Select(_ => palette.Pick(random)).ToArray();
        // Points near the edge of the set, where there is something to see.
        var angle = random.Between(0, 2 * MathF.PI);
        var centre = Complex.Exp(new Complex(0, angle)) / 2 - Complex.Exp(new Complex(0, 2 * angle)) / 4;
        var zoom = MathF.Pow(10, -random.Between(0.2f, 2.2f)) * 3 / canvas.Width;
        Fill(canvas, (x, y) =>
        {
            var (cr, ci) = ((float)centre.Real + (x - canvas.Width / 2f) * zoom, (float)centre.Imaginary + (y - canvas.Height / 2f) * zoom);
            var (zr, zi) = (0f, 0f);
            var n = 0;
            for (; n < 60 && zr * zr + zi * zi < 16; n++)
                (zr, zi) = (zr * zr - zi * zi + cr, 2 * zr * zi + ci);
            return n == 60 ? colours[0].Scaled(0.15f) : Ramp(colours, 0.5f + 0.5f * MathF.Sin(0.35f * n));
        });
    }

    private static void Pattern(Random random, Palette palette, Canvas canvas)
    {
        var (a, b) = (palette.Pick(random), palette.Pick(random));
        var (sin, cos) = MathF.SinCos(random.Between(0, MathF.PI));
        var (across, along) = (random.Between(2.5f, 40), random.Between(2.5f, 40));
        var checks = random.Chance(0.5f);
        Fill(canvas, (x, y) =>
        {
            var (u, v) = ((cos * x + sin * y) / across, (cos * y - sin * x) / along);
            var wave = checks ? MathF.Sin(MathF.PI * u) * MathF.Sin(MathF.PI * v) : MathF.Sin(MathF.PI * u);
            return Colour.Mix(a, b, Math.Clamp(0.5f + 4 * wave, 0, 1));
        });
    }

    private static void Bars(Random random, Palette palette, Canvas canvas)
    {
        var bars = Enumerable.Range(0, random.Next(3, 16)).Select(_ => palette.Pick(random)).ToArray();
        var upright = random.Chance(0.7f);
        Fill(canvas, (x, y) => bars[Math.Min((int)(bars.Length * (upright ? x / canvas.Width : y / canvas.Height)), bars.Length - 1)]);
    }

    // Cells that live and die have edges everywhere and no size of their own.
    private static void Cells(Random random, Palette palette, Canvas canvas)
    {
        var (dead, alive) = (palette.Pick(random).Scaled(0.4f), palette.Pick(random));
        var size = random.Next(1, 11);
        var life = new GameOfLife(random, canvas.Width / size + 1, canvas.Height / size + 1);
        for (var i = random.Next(30); i >= 0; i--)
            life.Step();
        Fill(canvas, (x, y) => life[(int)x / size, (int)y / size] ? alive : dead);
    }

    private static void Page(Random random, Canvas canvas)
    {
        var (paper, ink) = (Colour.Grey(random.Between(0.7f, 1)), Colour.Grey(random.Between(0, 0.3f)));
        Fill(canvas, (_, _) => paper);
        var size = random.Between(12, 40);
        var palette = new Palette(random);
        for (var y = size; y < canvas.Height; y += 0.9f * size)
            for (var x = size; x < canvas.Width; x += 2.2f * size)
                if (random.Chance(0.85f))
                    new Leaf(random, palette, size, text: true).Draw(canvas, x, y, 0, 1);
        for (var i = 0; i < canvas.Rgb.Length; i++)
            canvas.Rgb[i] = Math.Min(canvas.Rgb[i] + 0.3f * ink.R, 1);
    }

    private static Colour Ramp(Colour[] colours, float at)
    {
        var place = at * (colours.Length - 1);
        var index = Math.Min((int)place, colours.Length - 2);
        return Colour.Mix(colours[index], colours[index + 1], place - index);
    }

    private static void Fill(Canvas canvas, Func<float, float, Colour> colour)
    {
        for (var y = 0; y < canvas.Height; y++)
            for (var x = 0; x < canvas.Width; x++)
                canvas.Set(x, y, colour(x, y));
    }
}
