using static TorchSharp.torch;

namespace StreamDiff.Models.KvCache;

/// <summary>A lane in host memory, without a place in any pool. Whoever holds it disposes it.</summary>
public sealed class SavedLane : IDisposable
{
    private readonly IReadOnlyList<IReadOnlyList<Tensor>> _contents;

    internal SavedLane(
        IReadOnlyList<IReadOnlyList<Tensor>> contents, CacheLane state, IReadOnlyList<short[]> turned,
        IReadOnlyList<short[]>? streamingTurned) =>
        (_contents, State, Turned, StreamingTurned) = (contents, state, turned, streamingTurned);

    /// <summary>Bytes of host memory.</summary>
    public long Bytes => _contents.Sum(block => block.Sum(t => t.numel() * t.element_size()));

    /// <summary>By block its tensors, each without the dimension of lanes, in the order in which a cache takes them.</summary>
    internal IReadOnlyList<IReadOnlyList<Tensor>> Contents => _contents;

    internal CacheLane State { get; }

    internal IReadOnlyList<short[]> Turned { get; }

    internal IReadOnlyList<short[]>? StreamingTurned { get; }

    public void Dispose()
    {
        foreach (var tensor in _contents.SelectMany(block => block))
            tensor.Dispose();
    }
}

/// <summary>Lanes that give their place back for a while.</summary>
public sealed partial class KvCachePool
{
    /// <summary>
    /// A copy of a lane in host memory, contents and bookkeeping. Waits for what the device still does with it; the lane stays as it is.
    /// </summary>
    public SavedLane SaveLane(int lane)
    {
        Settle();
        var contents = new List<List<Tensor>>(_blocks.Count);
        try
        {
            foreach (var block in _blocks)
            {
                contents.Add([]);
                foreach (var part in block.Contents)
                    contents[^1].Add(OnHost(part, lane));
            }
            return new SavedLane(contents, _lanes[lane].Copied(), _turned.Saved(lane), _streamingTurned?.Saved(lane));
        }
        catch
        {
            foreach (var tensor in contents.SelectMany(block => block))
                tensor.Dispose();
            throw;
        }
    }

    /// <summary>Makes a lane what another one was when it was saved, here or in a pool of the same shape; the copy stays the
    /// caller's.</summary>
    /// <exception cref="ModelException">It is of another shape.</exception>
    public void LoadLane(int lane, SavedLane saved)
    {
        ArgumentNullException.ThrowIfNull(saved);
        Settle();
        if (saved.Contents.Count != _blocks.Count)
            throw new ModelException($"a lane of {saved.Contents.Count} blocks was kept, {_blocks.Count} are here");
        using var scope = NewDisposeScope();
        for (var block = 0; block < _blocks.Count; block++)
        {
            var parts = _blocks[block].Contents;
            if (parts.Count != saved.Contents[block].Count
                || parts.Zip(saved.Contents[block]).Any(p => !p.First.shape.AsSpan(1).SequenceEqual(p.Second.shape)))
                throw new ModelException("the lane that was kept does not fit these caches");
            foreach (var (part, kept) in parts.Zip(saved.Contents[block]))
                _ = part[lane].copy_(kept);
        }
        _turned.Restore(lane, saved.Turned);
        _streamingTurned?.Restore(lane, saved.StreamingTurned!);
        _lanes[lane].Become(saved.State);
    }

    private static Tensor OnHost(Tensor part, int lane)
    {
        using var scope = NewDisposeScope();
        var from = part[lane];
        return empty(from.shape, part.dtype, CPU).copy_(from).MoveToOuterDisposeScope().DetachFromDisposeScope();
    }
}
