namespace StreamDiff.Pipeline.Control;

/// <summary>Beats of a stream, by its own time. For one thread at a time.</summary>
internal sealed class BeatClock
{
    /// <summary>Before anybody gives a tempo.</summary>
    public const double UsualBpm = 120;

    private TimeSpan _origin;
    private double _beat;
    private double? _end;

    public double Bpm { get; private set; } = UsualBpm;

    /// <summary>Beats since the first frame.</summary>
    public double At(TimeSpan time) => _beat + (time - _origin).TotalMinutes * Bpm;

    /// <summary>
    /// The same span with its beats, which begin where those of the chunk before ended: live frames do not tell how long they are shown,
    /// chunks may be left out, and the count may be put right a little. Call it once a chunk.
    /// </summary>
    public ChunkSpan Of(ChunkSpan span)
    {
        span = Look(span);
        _end = span.EndBeat;
        return span;
    }

    /// <summary>The same of a chunk that may not come so.</summary>
    public ChunkSpan Look(ChunkSpan span)
    {
        var begin = _end ?? At(span.Begin);
        return span with { BeginBeat = begin, EndBeat = Math.Max(begin, Math.Max(At(span.End), At(span.Begin + span.Length))) };
    }

    /// <summary>Another tempo from a time on.</summary>
    /// <param name="change">The tempo; where it falls on a beat the count goes to the nearest one.</param>
    /// <param name="from">When.</param>
    /// <returns>True where the count is another from there on, not put right a little.</returns>
    public bool Take(TempoChange change, TimeSpan from)
    {
        var beat = At(from);
        var next = change.Beat ?? (change.IsBeat ? Math.Round(beat) : beat);
        var jumps = Math.Abs(next - beat) > 0.5;
        // What is put right holds no beat twice, and leaves none out.
        if (change.Beat is null)
            _end = null;
        else if (jumps)
            _end = next;
        (_origin, _beat, Bpm) = (from, next, change.Bpm);
        return jumps;
    }
}
