using TorchSharp;
using static TorchSharp.torch;

namespace StreamDiff.Models.Vae;

/// <summary>What the layers of a VAE remember of their streams: one slot per layer that looks back in time.</summary>
/// <param name="streams">
/// Streams that go through the network together. Default 1. Their frames alternate: frame 0 of every stream, then frame 1 of every stream,
/// and so on.
/// </param>
public sealed class StreamMemory(int streams = 1) : IDisposable
{
    public int Streams => streams;

    private readonly List<Tensor?> _slots = [];

    internal Tensor? this[int slot] => slot < _slots.Count ? _slots[slot] : null;

    /// <summary>Takes over a copy of what a layer must remember; what it remembered before is freed.</summary>
    internal void Keep(int slot, Tensor memory)
    {
        while (_slots.Count <= slot)
            _slots.Add(null);
        var kept = memory.clone().DetachFromDisposeScope();
        _slots[slot]?.Dispose();
        _slots[slot] = kept;
    }

    /// <summary>What a layer remembers and keeps up itself; made where there is none yet.</summary>
    internal Tensor Hold(int slot, Func<Tensor> make)
    {
        if (this[slot] is not { } held)
        {
            while (_slots.Count <= slot)
                _slots.Add(null);
            _slots[slot] = held = make().DetachFromDisposeScope();
        }
        return held;
    }

    /// <summary>Gives away what a layer remembers, and forgets it; null where there is nothing.</summary>
    internal Tensor? Take(int slot)
    {
        if (this[slot] is not { } taken)
            return null;
        _slots[slot] = null;
        return taken;
    }

    /// <summary>
    /// What is remembered now, to go back to; nothing is copied. Not for layers that keep theirs up themselves (<see cref="Hold"/>): they
    /// write over it.
    /// </summary>
    internal StreamMemory Snapshot()
    {
        var now = new StreamMemory(Streams);
        foreach (var slot in _slots)
            now._slots.Add(slot?.alias().DetachFromDisposeScope());
        return now;
    }

    public void Dispose()
    {
        foreach (var slot in _slots)
            slot?.Dispose();
        _slots.Clear();
    }
}

/// <summary>Hands out slot numbers while a network is put together.</summary>
internal sealed class SlotCounter
{
    private int _next;

    public int Next() => _next++;
}
