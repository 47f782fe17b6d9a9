namespace StreamDiff.Models.KvCache;

/// <summary>
/// Which slots of the whole window the streaming heads of one lane and block hold: the window's first ones, and of the others those that
/// were written last. Never changes: a write gives another one.
/// </summary>
internal sealed class StreamingSlots
{
    // Beyond the first: slots of the window and where they are held, the one written longest ago first.
    private readonly (int Slot, int At)[] _recent;

    private StreamingSlots(int first, int most, (int Slot, int At)[] recent) => (First, Most, _recent) = (first, most, recent);

    /// <summary>Slots of the window's start, which are held at their own places.</summary>
    public int First { get; }

    /// <summary>Most other slots held.</summary>
    public int Most { get; }

    public static StreamingSlots Empty(int first, int most) => new(first, most, []);

    /// <summary>A slot of the window is written.</summary>
    /// <param name="slot">Which.</param>
    /// <param name="at">Where the heads' own cache takes it.</param>
    public StreamingSlots Write(int slot, out int at)
    {
        at = slot;
        if (slot < First)
            return this;
        var held = Array.FindIndex(_recent, r => r.Slot == slot);
        var leaves = held >= 0 ? held : _recent.Length == Most ? 0 : -1;
        var place = at = leaves >= 0 ? _recent[leaves].At : First + _recent.Length;
        return new StreamingSlots(First, Most, [.. _recent.Where((_, i) => i != leaves), (slot, place)]);
    }

    /// <summary>By place in the heads' own cache the slot of the window that lies there; -1 where nothing does yet.</summary>
    public void Fill(Span<int> slots)
    {
        slots.Fill(-1);
        for (var slot = 0; slot < First; slot++)
            slots[slot] = slot;
        foreach (var (slot, at) in _recent)
            slots[at] = slot;
    }

    /// <summary>What <see cref="Restored"/> takes: slots and places by turns.</summary>
    public int[] Saved => [.. _recent.SelectMany(r => new[] { r.Slot, r.At })];

    /// <summary>As it stood elsewhere.</summary>
    /// <exception cref="ModelException">It is none of such a cache.</exception>
    public StreamingSlots Restored(IReadOnlyList<int> saved, int window)
    {
        var recent = saved.Chunk(2).Where(pair => pair.Length == 2).Select(pair => (Slot: pair[0], At: pair[1])).ToArray();
        var places = recent.Select(r => r.At).Order();
        if (2 * recent.Length != saved.Count || recent.Length > Most || recent.Any(r => r.Slot < First || r.Slot >= window)
            || recent.DistinctBy(r => r.Slot).Count() != recent.Length || !places.SequenceEqual(Enumerable.Range(First, recent.Length)))
            throw new ModelException("a moved block's streaming heads do not fit this stream's caches");
        return new StreamingSlots(First, Most, recent);
    }
}
