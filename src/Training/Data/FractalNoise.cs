namespace StreamDiff.Training.Data;

/// <summary>Value noise in octaves: clouds, stone, grass, fabric, depending on its exponent.</summary>
internal sealed class FractalNoise
{
    private const int Size = 64;
    private readonly float[] _grid = new float[Size * Size];
    private readonly float[] _weights;
    private readonly float _scale;

    /// <param name="random">Where it comes from.</param>
    /// <param name="wavelength">Of the coarsest octave, in pixels.</param>
    /// <param name="roughness">Amplitude of an octave against the coarser one: 0.3 is smooth, 0.8 is gravel.</param>
    public FractalNoise(Random random, float wavelength, float roughness)
    {
        for (var i = 0; i < _grid.Length; i++)
            _grid[i] = random.NextSingle();
        _scale = 1 / wavelength;
        _weights = new float[Math.Clamp((int)MathF.Log2(wavelength), 1, 6)];
        var sum = 0f;
        for (var i = 0; i < _weights.Length; i++)
            sum += _weights[i] = MathF.Pow(roughness, i);
        for (var i = 0; i < _weights.Length; i++)
            _weights[i] /= sum;
    }

    /// <summary>From 0 to 1.</summary>
    public float At(float x, float y)
    {
        var value = 0f;
        var scale = _scale;
        foreach (var weight in _weights)
        {
            value += weight * Smooth(x * scale, y * scale);
            scale *= 2;
        }
        return value;
    }

    private float Smooth(float x, float y)
    {
        var (fx, fy) = (MathF.Floor(x), MathF.Floor(y));
        var (x0, y0) = ((int)fx & (Size - 1), (int)fy & (Size - 1));
        var (x1, y1) = ((x0 + 1) & (Size - 1), (y0 + 1) & (Size - 1));
        var (u, v) = (Ease(x - fx), Ease(y - fy));
        var top = _grid[y0 * Size + x0] * (1 - u) + _grid[y0 * Size + x1] * u;
        var bottom = _grid[y1 * Size + x0] * (1 - u) + _grid[y1 * Size + x1] * u;
        return top * (1 - v) + bottom * v;
    }

    private static float Ease(float t) => t * t * (3 - 2 * t);
}
