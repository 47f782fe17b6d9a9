using System.Collections;
using System.Runtime.CompilerServices;

namespace StreamDiff.Pipeline.Plan;

/// <summary>A list that never changes and equals another with the same entries, as the records that hold it do.</summary>
[CollectionBuilder(typeof(ValueList), nameof(ValueList.Create))]
public sealed class ValueList<T>(IEnumerable<T> entries) : IReadOnlyList<T>, IEquatable<ValueList<T>>
{
    private readonly T[] _entries = [.. entries];

    public int Count => _entries.Length;

    public T this[int index] => _entries[index];

    public IEnumerator<T> GetEnumerator() => ((IEnumerable<T>)_entries).GetEnumerator();

    IEnumerator IEnumerable.GetEnumerator() => GetEnumerator();

    public bool Equals(ValueList<T>? other) => other is not null && _entries.SequenceEqual(other._entries);

    public override bool Equals(object? obj) => Equals(obj as ValueList<T>);

    public override int GetHashCode() => _entries.Aggregate(0, HashCode.Combine);

    public override string ToString() => string.Join(", ", _entries);
}

/// <summary>Makes them from collection expressions.</summary>
public static class ValueList
{
    public static ValueList<T> Create<T>(ReadOnlySpan<T> entries) => new(entries.ToArray());
}
