namespace StreamDiff.Models.KvCache;

/// <summary>
/// Which slot is overwritten next: slot ends in tokens, the front first. Slots beyond the sinks go round; the slot of a sink to be
/// refreshed is put at the front and leaves the queue when it has been overwritten.
/// </summary>
public sealed class EvictionQueue
{
    private readonly LinkedList<int> _ends = [];

    public int Count => _ends.Count;

    /// <summary>End of the slot that is overwritten next.</summary>
    /// <exception cref="InvalidOperationException">The queue is empty.</exception>
    public int Front => _ends.First?.Value ?? throw new InvalidOperationException("the eviction queue is empty");

    /// <summary>Slot ends, the next to be overwritten first.</summary>
    public IEnumerable<int> Ends => _ends;

    public void PutFirst(int slotEnd) => _ends.AddFirst(slotEnd);

    /// <summary>Appends a slot unless it is the last one already.</summary>
    public void Append(int slotEnd)
    {
        if (_ends.Last?.Value != slotEnd)
            _ends.AddLast(slotEnd);
    }

    /// <summary>The front has been overwritten: it goes to the back if it lies beyond the sinks, otherwise it leaves.</summary>
    public void Advance(int sinkTokens)
    {
        var end = Front;
        _ends.RemoveFirst();
        if (end > sinkTokens)
            _ends.AddLast(end);
    }

    /// <summary>
    /// Several slots have been overwritten, in the order of time: those beyond the sinks go to the back, the others leave.
    /// </summary>
    internal void Rewritten(ReadOnlySpan<int> ends, int sinkTokens)
    {
        foreach (var end in ends)
        {
            _ends.Remove(end);
            if (end > sinkTokens)
                _ends.AddLast(end);
        }
    }

    /// <summary>Takes a slot out.</summary>
    internal void Remove(int slotEnd)
    {
        while (_ends.Remove(slotEnd))
        {
        }
    }

    /// <summary>Appends a slot as it stood in a queue elsewhere.</summary>
    internal void Restore(int slotEnd) => _ends.AddLast(slotEnd);

    public void CopyFrom(EvictionQueue other)
    {
        _ends.Clear();
        foreach (var end in other._ends)
            _ends.AddLast(end);
    }

    public void Clear() => _ends.Clear();
}
