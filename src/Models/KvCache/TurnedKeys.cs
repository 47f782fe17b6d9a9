namespace StreamDiff.Models.KvCache;

/// <summary>
/// By which place in the window the keys of each slot are turned now, for keys that are turned when they are read: where the place is the
/// same in the next tick, as that of every sink, nothing is to be done. Up to date after <see cref="KvCachePool.Settle"/>.
/// </summary>
internal sealed class TurnedKeys(int lanes, int blocks, int window)
{
    private const short Unknown = -1;

    private readonly List<short[]>[] _places = [.. Enumerable.Range(0, lanes).Select(_ => Blocks(blocks, window))];

    /// <summary>Places by slot, -1 where it is not known.</summary>
    public ReadOnlySpan<short> Of(int lane, int block) => _places[lane][block];

    /// <summary>A tick has turned a row's keys.</summary>
    /// <param name="places">Of the tick.</param>
    /// <param name="block">Of the pool.</param>
    /// <param name="row">Of the tick.</param>
    /// <param name="rows">How many there are.</param>
    /// <param name="lane">The row's.</param>
    /// <param name="outcome">Of the sinks' comparison.</param>
    public void Set(WindowPlaces places, int block, int row, int rows, int lane, int outcome) =>
        places.Of(block, row, rows, window).Slice(places.Outcomes > 1 ? outcome * window : 0, window).CopyTo(_places[lane][block]);

    public void Copy(int from, int to)
    {
        for (var block = 0; block < _places[from].Count; block++)
            _places[from][block].CopyTo(_places[to][block].AsSpan());
    }

    public void Clear(int lane)
    {
        foreach (var places in _places[lane])
            Array.Fill(places, Unknown);
    }

    /// <summary>A lane's places by block, for <see cref="Restore"/>.</summary>
    public IReadOnlyList<short[]> Saved(int lane) => [.. _places[lane].Select(places => places.ToArray())];

    /// <summary>A lane is turned as it was when it was saved.</summary>
    public void Restore(int lane, IReadOnlyList<short[]> saved)
    {
        for (var block = 0; block < _places[lane].Count; block++)
            saved[block].CopyTo(_places[lane][block].AsSpan());
    }

    /// <summary>A block joins at one end.</summary>
    public void Add(bool first)
    {
        foreach (var lane in _places)
            lane.InsertRange(first ? 0 : lane.Count, Blocks(1, window));
    }

    /// <summary>A block leaves at one end.</summary>
    public void Remove(bool first)
    {
        foreach (var lane in _places)
            lane.RemoveAt(first ? 0 : lane.Count - 1);
    }

    private static List<short[]> Blocks(int count, int window) =>
        [.. Enumerable.Range(0, count).Select(_ => Enumerable.Repeat(Unknown, window).ToArray())];
}
