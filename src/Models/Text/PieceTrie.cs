namespace StreamDiff.Models.Text;

/// <summary>
/// A trie over bytes whose edges lie in one open-addressing table: a quarter of a million pieces load in a fraction of a second and take a
/// few flat arrays.
/// </summary>
internal sealed class PieceTrie
{
    private const int NoId = -1;
    private ulong[] _keys;
    private int[] _children;
    private int[] _ids;
    private int _nodes = 1;
    private int _edges;

    /// <param name="bytes">Bytes of all pieces together, an upper bound of the edges.</param>
    public PieceTrie(long bytes)
    {
        var capacity = 1024;
        while (capacity < bytes / 2 && capacity < 1 << 28)
            capacity <<= 1;
        _keys = new ulong[capacity];
        _children = new int[capacity];
        _ids = new int[1024];
        Array.Fill(_ids, NoId);
    }

    public void Add(ReadOnlySpan<byte> piece, int id)
    {
        var node = 0;
        foreach (var b in piece)
            node = ChildOrNew(node, b);
        _ids[node] = id;
    }

    /// <summary>The node below another one, or -1.</summary>
    public int Child(int node, byte value)
    {
        var key = Key(node, value);
        for (var slot = Slot(key); ; slot = (slot + 1) & (_keys.Length - 1))
        {
            if (_keys[slot] == key)
                return _children[slot];
            if (_keys[slot] == 0)
                return NoId;
        }
    }

    /// <summary>The piece that ends at a node, or -1.</summary>
    public int Id(int node) => _ids[node];

    // Never 0, which marks a free slot.
    private static ulong Key(int node, byte value) => ((ulong)node << 8 | value) + 1;

    private int Slot(ulong key) => (int)((key * 0x9E3779B97F4A7C15) >> 32) & (_keys.Length - 1);

    private int ChildOrNew(int node, byte value)
    {
        var child = Child(node, value);
        if (child >= 0)
            return child;
        if (2 * (_edges + 1) > _keys.Length)
            Grow();
        child = _nodes++;
        if (child == _ids.Length)
        {
            Array.Resize(ref _ids, 2 * _ids.Length);
            Array.Fill(_ids, NoId, child, _ids.Length - child);
        }
        Insert(Key(node, value), child);
        return child;
    }

    private void Insert(ulong key, int child)
    {
        var slot = Slot(key);
        while (_keys[slot] != 0)
            slot = (slot + 1) & (_keys.Length - 1);
        _keys[slot] = key;
        _children[slot] = child;
        _edges++;
    }

    private void Grow()
    {
        var (keys, children) = (_keys, _children);
        _keys = new ulong[2 * keys.Length];
        _children = new int[2 * keys.Length];
        _edges = 0;
        for (var i = 0; i < keys.Length; i++)
            if (keys[i] != 0)
                Insert(keys[i], children[i]);
    }
}
