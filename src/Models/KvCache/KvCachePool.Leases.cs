namespace StreamDiff.Models.KvCache;

/// <summary>Lanes that streams borrow. Not thread-safe: the pool belongs to the thread that owns the device.</summary>
public sealed partial class KvCachePool
{
    private readonly SortedSet<int> _leased = [];

    /// <summary>Lanes that nobody has leased.</summary>
    public int FreeLanes => Lanes - _leased.Count;

    /// <summary>
    /// Lends empty lanes, side by side where there is room for it: neighbours attend in one call. In leased lanes every frame beyond the sinks rolls by itself, so
    /// that chunks of different lengths can follow each other.
    /// </summary>
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
            _leased.Add(lane);
            ClearLane(lane);
            _lanes[lane].RollsByFrame = true;
        }
        return true;
    }

    /// <summary>Takes lanes back.</summary>
    public void Return(IEnumerable<int> lanes)
    {
        Settle();
        foreach (var lane in lanes)
        {
            if (!_leased.Remove(lane))
                throw new InvalidOperationException($"lane {lane} was not leased");
            _lanes[lane].RollsByFrame = false;
        }
    }
}
