using TorchSharp;
using static TorchSharp.torch;

namespace StreamDiff.Models.Wan.Layers;

/// <summary>
/// 3D rotary positions: the head dimension d splits into frame, row and column parts of d-4*(d/6), 2*(d/6) and 2*(d/6) values; pairs (2i,
/// 2i+1) of a part of width w are rotated by position * 10000^(-2i/w). Angles are computed in double on the host, so positions have no end.
/// </summary>
public sealed class RotaryEmbedding3D
{
    private const double Base = 10000;
    private readonly double[] _time;
    private readonly double[] _space;

    /// <param name="headDim">Width of one attention head, even.</param>
    public RotaryEmbedding3D(int headDim)
    {
        _time = Frequencies(headDim - 4 * (headDim / 6));
        _space = Frequencies(2 * (headDim / 6));
        HeadDim = headDim;
    }

    public int HeadDim { get; }

    /// <summary>Values of the head dimension that turn with time; they come first.</summary>
    public int TimeWidth => 2 * _time.Length;

    /// <summary>Rotations of whole tokens, complex64 [1, frames * rows * columns, 1, d/2], for the given frame positions.</summary>
    public Tensor Table(ReadOnlySpan<long> frames, int rows, int columns, Device device)
    {
        using var scope = NewDisposeScope();
        var tokens = rows * columns;
        var time = Time(frames, device).view(frames.Length, 1, _time.Length).expand(frames.Length, tokens, _time.Length);
        var space = Space(rows, columns, device).view(1, tokens, 2 * _space.Length).expand(frames.Length, tokens, 2 * _space.Length);
        return cat([time, space], -1).view(1, frames.Length * tokens, 1, HeadDim / 2).MoveToOuterDisposeScope();
    }

    /// <summary>Rotations in time, complex64 [positions, TimeWidth/2].</summary>
    public Tensor Time(ReadOnlySpan<long> positions, Device device)
    {
        var turns = new float[positions.Length, _time.Length, 2];
        for (var p = 0; p < positions.Length; p++)
            for (var i = 0; i < _time.Length; i++)
                (turns[p, i, 1], turns[p, i, 0]) = SinCos(positions[p] * _time[i]);
        return Complex(turns, device);
    }

    /// <summary>Rotations in time of one position, as cosine and sine of each pair.</summary>
    internal void Time(long position, Span<float> turns)
    {
        for (var i = 0; i < _time.Length; i++)
            (turns[2 * i + 1], turns[2 * i]) = SinCos(position * _time[i]);
    }

    /// <summary>Rotations by the place in a frame, complex64 [rows * columns, d/2 - TimeWidth/2].</summary>
    internal Tensor Places(int rows, int columns, Device device) => Space(rows, columns, device);

    /// <summary>Rotations of one token, complex64 [d/2].</summary>
    public Tensor Turns(long frame, long row, long column, Device device)
    {
        double[] angles = [.. _time.Select(f => frame * f), .. _space.Select(f => row * f), .. _space.Select(f => column * f)];
        var turns = new float[angles.Length, 1, 2];
        for (var i = 0; i < angles.Length; i++)
            (turns[i, 0, 1], turns[i, 0, 0]) = SinCos(angles[i]);
        using var column2 = Complex(turns, device);
        return column2.squeeze(1);
    }

    /// <summary>
    /// Rotates the last dimension of x [rows, tokens, heads, width] by a table that broadcasts against [rows, tokens, heads, width/2]. x
    /// may be overwritten.
    /// </summary>
    public static Tensor Rotate(Tensor x, Tensor table)
    {
        using var scope = NewDisposeScope();
        var type = x.dtype;
        var (rows, tokens, heads, width) = (x.size(0), x.size(1), x.size(2), x.size(3));
        var pairs = view_as_complex(x.to_type(ScalarType.Float32).view(rows, tokens, heads, width / 2, 2));
        var turned = is_grad_enabled() ? pairs.mul(table) : pairs.mul_(table);
        return view_as_real(turned).view(rows, tokens, heads, width).to_type(type).MoveToOuterDisposeScope();
    }

    private Tensor Space(int rows, int columns, Device device)
    {
        var turns = new float[rows * columns, 2 * _space.Length, 2];
        for (var token = 0; token < rows * columns; token++)
        {
            var (row, column) = (token / columns, token % columns);
            for (var i = 0; i < _space.Length; i++)
            {
                (turns[token, i, 1], turns[token, i, 0]) = SinCos(row * _space[i]);
                (turns[token, _space.Length + i, 1], turns[token, _space.Length + i, 0]) = SinCos(column * _space[i]);
            }
        }
        return Complex(turns, device);
    }

    private static Tensor Complex(float[,,] turns, Device device)
    {
        using var pairs = tensor(turns, device: device);
        return view_as_complex(pairs);
    }

    private static (float Sin, float Cos) SinCos(double angle)
    {
        var (sin, cos) = Math.SinCos(angle);
        return ((float)sin, (float)cos);
    }

    private static double[] Frequencies(int width)
    {
        var frequencies = new double[width / 2];
        for (var i = 0; i < frequencies.Length; i++)
            frequencies[i] = 1 / Math.Pow(Base, 2.0 * i / width);
        return frequencies;
    }
}
