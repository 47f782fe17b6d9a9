using static TorchSharp.torch;

namespace StreamDiff.Models.KvCache;

/// <summary>A block's cache on its way to another pool of the same stream. Whoever holds it disposes it.</summary>
/// <param name="Contents">Its tensors, in the order in which a cache takes them.</param>
/// <param name="Queues">Slot ends of each lane's eviction queue, the front first.</param>
/// <param name="Written">Slot ends that each lane's last chunk was written to.</param>
/// <param name="Streaming">What each lane's streaming heads hold, slots of the window and their places by turns; nothing where heads are
/// not split.</param>
public sealed record MovedCache(
    IReadOnlyList<Tensor> Contents, IReadOnlyList<int[]> Queues, IReadOnlyList<int[]> Written, IReadOnlyList<int[]> Streaming)
    : IDisposable
{
    public void Dispose()
    {
        foreach (var tensor in Contents)
            tensor.Dispose();
    }
}

/// <summary>
/// Caches of blocks that move between ranks. How far each lane is filled is the same for all blocks, so only contents and eviction queues
/// move.
/// </summary>
public sealed partial class KvCachePool
{
    /// <summary>Takes the first or last block out. Waits for the last tick where that compared sinks.</summary>
    public MovedCache RemoveBlock(bool first)
    {
        Settle();
        ForgetTicks();
        var at = first ? 0 : _blocks.Count - 1;
        var cache = _blocks[at];
        var queues = _lanes.Select(l => l.Queue(at).Ends.ToArray()).ToArray();
        var written = _lanes.Select(l => l.Written(at).ToArray()).ToArray();
        var streaming = _lanes.Select(l => HasStreaming ? l.Streaming(at).Saved : []).ToArray();
        _blocks.RemoveAt(at);
        _firstBlock += first ? 1 : 0;
        _turned.Remove(first);
        _streamingTurned?.Remove(first);
        foreach (var lane in _lanes)
            lane.RemoveBlock(first);
        cache.Forget();
        return new MovedCache(cache.Contents, queues, written, streaming);
    }

    /// <summary>Puts a block in at one end. The pool takes the tensors over, which lie on its device.</summary>
    /// <exception cref="ModelException">They do not fit this pool.</exception>
    public void AddBlock(bool first, MovedCache moved)
    {
        Settle();
        ForgetTicks();
        if (moved.Queues.Count != Lanes || moved.Written.Count != Lanes || moved.Streaming.Count != Lanes
            || moved.Queues.Concat(moved.Written).Any(q => q.Any(end => end < 1 || end > Geometry.Capacity)))
            throw new ModelException("a moved block's eviction queues do not fit this stream's caches");
        var index = first ? _firstBlock - 1 : _firstBlock + _blocks.Count;
        _blocks.Insert(
            first ? 0 : _blocks.Count, new BlockCache(_config, index, Lanes, Geometry, Rotation, _device, _type, moved.Contents));
        _firstBlock -= first ? 1 : 0;
        _turned.Add(first);
        _streamingTurned?.Add(first);
        for (var lane = 0; lane < Lanes; lane++)
            _lanes[lane].AddBlock(first, moved.Queues[lane], moved.Written[lane], moved.Streaming[lane]);
    }

    // They are for the blocks as they were.
    private void ForgetTicks()
    {
        Ticks?.Dispose();
        Ticks = null;
    }
}
