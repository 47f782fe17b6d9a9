namespace StreamDiff.Pipeline.Control.Steering;

/// <summary>An entry of a timeline on its way; one that comes again keeps its place among the others.</summary>
/// <param name="entry">When it is due.</param>
/// <param name="change">What is to be made then.</param>
internal sealed class ScheduledChange(TimelineEntry entry, PendingChange change)
{
    private readonly TimelinePoint _first = entry.At;
    private long? _dueSince;

    public TimelineEntry Entry { get; private set; } = entry;

    public PendingChange Change { get; private set; } = change;

    /// <summary>Takes those that take effect with a chunk, in the order in which they became due.</summary>
    /// <param name="scheduled">All, in the order of the timeline; what does not come again leaves.</param>
    /// <param name="span">The chunk.</param>
    /// <param name="waits">True also takes what is not prepared.</param>
    /// <param name="prepare">Prepares what comes again.</param>
    public static IReadOnlyList<PendingChange> Take(
        List<ScheduledChange> scheduled, ChunkSpan span, bool waits, Func<ControlChange, Task> prepare)
    {
        foreach (var reached in scheduled.Where(s => s.IsReached(span)))
            reached._dueSince ??= span.Chunk;
        var taken = new List<PendingChange>();
        // In order: a prompt that is slow to read holds those behind it.
        foreach (var due in scheduled.Where(s => s._dueSince is not null).OrderBy(s => s._dueSince)
            .TakeWhile(s => waits || s.Change.Prepared.IsCompleted).ToList())
        {
            taken.Add(due.Change);
            // What comes again is prepared again: each preparation is for one time.
            if (due.Entry.After(span) is { } next)
                (due.Entry, due.Change, due._dueSince) = (next, new PendingChange(next.Change) { Prepared = prepare(next.Change) }, null);
            else
                scheduled.Remove(due);
        }
        return taken;
    }

    public bool IsReached(in ChunkSpan span) => Entry.At.IsReached(span) && !(Entry.Until?.Position <= Entry.At.Position);

    /// <summary>The beats are counted from another one on: what comes again does so from there.</summary>
    public void GoTo(double beat)
    {
        if (_dueSince is null && Entry is { Every: { } period, At.Beat: not null })
            Entry = Entry with
            {
                At = _first.Later(Math.Max(0, Math.Ceiling((beat - _first.Position) / period - 1e-9)) * period),
            };
    }
}
