using static TorchSharp.torch;

namespace StreamDiff.Models.Wan;

/// <summary>
/// Tables of rotations that lie on the device. A live stream asks for the same ones at every tick (relative positions), or for one new one (published
/// positions): the last few are kept. Belongs to one engine thread.
/// </summary>
internal sealed class RotaryTables(RotaryEmbedding3D rotary, Device device) : IDisposable
{
    // Rows of a stream batch ask for up to four, and keys for one more; the rest is for streams of another size.
    private const int MostKept = 12;

    private readonly Dictionary<(long FirstFrame, int Frames, int Rows, int Columns), Tensor> _tables = [];
    private readonly Queue<(long, int, int, int)> _age = new();

    /// <summary>Rotations of the tokens of consecutive frames, complex64 [1, frames * rows * columns, 1, head_dim/2]. Stays this object's.</summary>
    public Tensor Of(long firstFrame, int frames, int rows, int columns)
    {
        var key = (firstFrame, frames, rows, columns);
        if (_tables.TryGetValue(key, out var table))
            return table;
        if (_age.Count == MostKept && _tables.Remove(_age.Dequeue(), out var oldest))
            oldest.Dispose();
        Span<long> positions = stackalloc long[frames];
        for (var i = 0; i < frames; i++)
            positions[i] = firstFrame + i;
        table = rotary.Table(positions, rows, columns, device).DetachFromDisposeScope();
        _tables[key] = table;
        _age.Enqueue(key);
        return table;
    }

    public void Dispose()
    {
        foreach (var table in _tables.Values)
            table.Dispose();
        _tables.Clear();
        _age.Clear();
    }
}
