using StreamDiff.Models.Diffusion;
using StreamDiff.Models.KvCache;

namespace StreamDiff.Pipeline.Host;

/// <summary>
/// One pool of lanes for each geometry in use (size of the picture, window, sinks, rotation): streams of a pool share ticks. Belongs to the
/// device's thread.
/// </summary>
internal sealed class LanePools(ITickRunner runner, int lanes) : IDisposable
{
    private readonly Dictionary<(CacheGeometry Geometry, KeyRotation Rotation, int Rows, bool OnOneLane), Entry> _pools = [];

    /// <summary>A share in the pool of a geometry.</summary>
    public IPoolUse UseOf(DenoiserOptions options) => new Use(this, options);

    /// <summary>The pool of a geometry; made for its first stream.</summary>
    private LanePool Take(DenoiserOptions options)
    {
        if (!_pools.TryGetValue(Key(options), out var entry))
            _pools[Key(options)] = entry = new Entry(runner.CreatePool(options, lanes));
        entry.Users++;
        return entry.Pool;
    }

    /// <summary>A stream has left; with the last one the pool's memory goes.</summary>
    private void Return(DenoiserOptions options)
    {
        var entry = _pools[Key(options)];
        if (--entry.Users > 0)
            return;
        entry.Pool.Dispose();
        _pools.Remove(Key(options));
    }

    /// <summary>Lanes that a stream of this geometry could still have.</summary>
    public int Free(DenoiserOptions options) => _pools.TryGetValue(Key(options), out var entry) ? entry.Pool.FreeLanes : lanes;

    /// <summary>Bytes of keys and values of all pools.</summary>
    public long Bytes => _pools.Values.Sum(e => e.Pool.Bytes);

    /// <summary>Lanes leased and lanes in all.</summary>
    public (int Leased, int All) Lanes => (_pools.Values.Sum(e => e.Pool.Lanes - e.Pool.FreeLanes), _pools.Values.Sum(e => e.Pool.Lanes));

    public void Dispose()
    {
        foreach (var entry in _pools.Values)
            entry.Pool.Dispose();
        _pools.Clear();
    }

    // Pictures of equal area and other proportions have equally many tokens, and yet no common tick.
    private static (CacheGeometry, KeyRotation, int, bool) Key(DenoiserOptions options) =>
        (options.Geometry, options.Rotation, options.GridRows, options.OnOneLane);

    private sealed class Use(LanePools pools, DenoiserOptions options) : IPoolUse
    {
        public LanePool Take() => pools.Take(options);

        public void Return() => pools.Return(options);
    }

    private sealed class Entry(LanePool pool)
    {
        public LanePool Pool => pool;

        public int Users { get; set; }
    }
}
