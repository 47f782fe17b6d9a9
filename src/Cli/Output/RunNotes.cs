using StreamDiff.CommandLine;
namespace StreamDiff.Cli.Output;

/// <summary>Notes of a run: each is told once, as soon as it is known.</summary>
internal sealed class RunNotes
{
    private readonly Lock _gate = new();
    private readonly HashSet<string> _told = new(StringComparer.Ordinal);

    /// <summary>Tells those of the notes that were not told before.</summary>
    public void Tell(IEnumerable<string> notes)
    {
        lock (_gate)
            foreach (var note in notes)
                if (_told.Add(note))
                    Say.Note(note);
    }
}
