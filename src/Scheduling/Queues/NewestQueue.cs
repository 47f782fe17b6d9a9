using System.Collections;
using System.Diagnostics.CodeAnalysis;

namespace StreamDiff.Scheduling.Queues;

/// <summary>
/// What waits, in order; when it is too much the oldest goes, so that whoever adds never waits. Not for several threads at once.
/// </summary>
/// <param name="size">What an entry counts. Null: 1.</param>
public sealed class NewestQueue<T>(Func<T, int>? size = null) : IEnumerable<T>
{
    private readonly Queue<T> _entries = new();
    private long _size;

    public int Count => _entries.Count;

    /// <summary>Adds an entry.</summary>
    /// <param name="entry">The newest.</param>
    /// <param name="most">What all entries may count together from now on.</param>
    /// <param name="dropped">Takes what goes because it is too much.</param>
    public void Add(T entry, long most, Action<T>? dropped = null)
    {
        _entries.Enqueue(entry);
        _size += Size(entry);
        while (_size > most && TryTake(out var oldest))
            dropped?.Invoke(oldest);
    }

    /// <summary>Takes the oldest; false where there is none.</summary>
    public bool TryTake([MaybeNullWhen(false)] out T oldest)
    {
        if (!_entries.TryDequeue(out oldest))
            return false;
        _size -= Size(oldest);
        return true;
    }

    /// <summary>Looks at the oldest; false where there is none.</summary>
    public bool TryPeek([MaybeNullWhen(false)] out T oldest) => _entries.TryPeek(out oldest);

    public IEnumerator<T> GetEnumerator() => _entries.GetEnumerator();

    IEnumerator IEnumerable.GetEnumerator() => GetEnumerator();

    private int Size(T entry) => size?.Invoke(entry) ?? 1;
}
