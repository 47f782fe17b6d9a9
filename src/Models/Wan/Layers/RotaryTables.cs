using static TorchSharp.torch;

namespace StreamDiff.Models.Wan.Layers;

/// <summary>
/// Tables of rotations that lie on the device. A live stream asks for the same ones at every tick (relative positions), or for one new one
/// (published positions): the last ones used are kept. Belongs to one engine thread.
/// </summary>
internal sealed class RotaryTables(RotaryEmbedding3D rotary, Device device) : IDisposable
{
    // Far more than the rows of a tick, whose tables must all live until the tick's are put together; and enough for the rows of a ring of
    // ranks, which lie apart.
    private const int MostKept = 64;

    private readonly Dictionary<(long FirstFrame, int Frames, int Rows, int Columns), LinkedListNode<Entry>> _tables = [];
    private readonly LinkedList<Entry> _age = new();

    /// <summary>
    /// Rotations of the tokens of consecutive frames, complex64 [1, frames * rows * columns, 1, head_dim/2]. Stays this object's.
    /// </summary>
    public Tensor Of(long firstFrame, int frames, int rows, int columns)
    {
        var key = (firstFrame, frames, rows, columns);
        if (_tables.TryGetValue(key, out var known))
        {
            _age.Remove(known);
            _age.AddLast(known);
            return known.Value.Table;
        }
        if (_age.Count == MostKept)
            Forget(_age.First!.Value);
        Span<long> positions = stackalloc long[frames];
        for (var i = 0; i < frames; i++)
            positions[i] = firstFrame + i;
        var table = rotary.Table(positions, rows, columns, device).DetachFromDisposeScope();
        _tables[key] = _age.AddLast(new Entry(key, table));
        return table;
    }

    public void Dispose()
    {
        foreach (var (_, table) in _age)
            table.Dispose();
        _tables.Clear();
        _age.Clear();
    }

    private void Forget(Entry oldest)
    {
        _age.RemoveFirst();
        _tables.Remove(oldest.Key);
        oldest.Table.Dispose();
    }

    private readonly record struct Entry((long FirstFrame, int Frames, int Rows, int Columns) Key, Tensor Table);
}
