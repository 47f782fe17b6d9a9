using StreamDiff.Models.KvCache;

namespace StreamDiff.Models.Diffusion;

/// <summary>A stream that gives its lanes back for a while and goes on later as if nothing had been.</summary>
public sealed partial class LaneStream
{
    private List<SavedLane>? _saved;

    /// <summary>True from <see cref="Suspend"/> to <see cref="Resume"/>.</summary>
    public bool IsSuspended => _saved is not null;

    /// <summary>Bytes of host memory that a suspended stream holds; of one that is not, those that it would.</summary>
    public long SuspendedBytes => _saved?.Sum(s => s.Bytes) ?? (Pool.Lanes == 0 ? 0 : Pool.Bytes / Pool.Lanes * _lanes.Count);

    /// <summary>True where it can be suspended: its caches lie on a device of this process.</summary>
    public bool CanSuspend => !IsSuspended && Pool.Caches is not null;

    /// <summary>
    /// Gives its lanes back; what they held goes to host memory. Chunks in flight stay where they are, as far as they have come. Whoever
    /// lent the pool may free it now.
    /// </summary>
    /// <exception cref="InvalidOperationException">A step of it is in a tick, or it cannot be suspended.</exception>
    public void Suspend()
    {
        ObjectDisposedException.ThrowIf(_isDisposed, this);
        if (IsInTick || !CanSuspend)
            throw new InvalidOperationException("a stream that is in a tick, or whose caches lie elsewhere, cannot be suspended");
        var saved = new List<SavedLane>(_lanes.Count);
        try
        {
            foreach (var lane in _lanes)
                saved.Add(Pool.Save(lane)!);
        }
        catch
        {
            foreach (var lane in saved)
                lane.Dispose();
            throw;
        }
        _saved = saved;
        Pool.Return(_lanes);
        _lanes.Clear();
        _ticks.Remove(this);
    }

    /// <summary>Takes lanes again, with what its own held.</summary>
    /// <param name="pool">The one that it had, or another one of the same shape; must outlive the stream.</param>
    /// <exception cref="ModelException">The pool has not enough lanes left, or is of another shape: the stream stays
    /// suspended.</exception>
    public void Resume(LanePool pool)
    {
        ArgumentNullException.ThrowIfNull(pool);
        var saved = _saved ?? throw new InvalidOperationException("the stream is not suspended");
        if (pool.Geometry != _options.Geometry || pool.Shape.Rotation != _options.Rotation)
            throw new ModelException("the pool is of another shape than the one that the stream had");
        if (!pool.TryLease(saved.Count, out var lanes))
            throw new ModelException($"{saved.Count} lanes are needed to go on, of the pool's {pool.Lanes} only {pool.FreeLanes} are free");
        try
        {
            for (var i = 0; i < lanes.Length; i++)
                pool.Load(lanes[i], saved[i]);
        }
        catch
        {
            pool.Return(lanes);
            throw;
        }
        Pool = pool;
        _lanes.AddRange(lanes);
        DropSaved();
        _ticks.Add(this);
    }

    private void DropSaved()
    {
        foreach (var lane in _saved ?? [])
            lane.Dispose();
        _saved = null;
    }
}
