using StreamDiff.Models.KvCache;

namespace StreamDiff.Models.Diffusion;

/// <summary>
/// Lanes that streams of one shape borrow: who has which, whatever holds the caches. Belongs to the thread of its runner.
/// </summary>
public abstract class LanePool : IDisposable
{
    private readonly SortedSet<int> _leased = [];

    /// <param name="shape">Geometry, rotation and picture size of the streams.</param>
    /// <param name="lanes">How many lanes there are.</param>
    protected LanePool(DenoiserOptions shape, int lanes) => (Shape, Lanes) = (shape, lanes);

    /// <summary>What its streams have in common; the timesteps mean nothing here.</summary>
    public DenoiserOptions Shape { get; }

    public CacheGeometry Geometry => Shape.Geometry;

    public int Lanes { get; }

    /// <summary>Lanes that nobody has leased.</summary>
    public int FreeLanes => Lanes - _leased.Count;

    /// <summary>Bytes of keys and values of all lanes in this process; 0 where they lie elsewhere.</summary>
    public virtual long Bytes => 0;

    /// <summary>The caches, where they lie on one device of this process; null elsewhere.</summary>
    public virtual KvCachePool? Caches => null;

    /// <summary>
    /// Why no tick can run in it: what holds the caches lost them and could not make them again. Null while it works.
    /// </summary>
    public virtual string? Fault => null;

    /// <summary>Lends empty lanes, side by side where there is room for it: neighbours attend in one call.</summary>
    /// <returns>False when too few are free; nothing is lent then.</returns>
    public bool TryLease(int count, out int[] lanes)
    {
        lanes = [];
        if (count > FreeLanes)
            return false;
        var free = Enumerable.Range(0, Lanes).Where(lane => !_leased.Contains(lane)).ToArray();
        var start = Array.FindIndex(free, lane => Enumerable.Range(lane, count).All(n => n < Lanes && !_leased.Contains(n)));
        lanes = start < 0 ? free[..count] : free[start..(start + count)];
        foreach (var lane in lanes)
        {
            Clear(lane);
            _leased.Add(lane);
        }
        return true;
    }

    /// <summary>Takes lanes back.</summary>
    public void Return(IEnumerable<int> lanes)
    {
        foreach (var lane in lanes)
            if (!_leased.Remove(lane))
                throw new InvalidOperationException($"lane {lane} was not leased");
    }

    /// <summary>Makes a lane equal to another one, after all ticks issued so far.</summary>
    public abstract void Copy(int from, int to);

    /// <summary>A copy of a lane in host memory, after all ticks issued so far; null where the caches lie elsewhere.</summary>
    public virtual SavedLane? Save(int lane) => null;

    /// <summary>Makes a lane what another one was when it was saved.</summary>
    /// <exception cref="ModelException">It does not fit, or the caches lie elsewhere.</exception>
    public virtual void Load(int lane, SavedLane saved) => throw new ModelException("these caches lie elsewhere");

    public abstract void Dispose();

    /// <summary>Empties a lane for a new stream.</summary>
    protected abstract void Clear(int lane);
}
