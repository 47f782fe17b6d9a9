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
    /// The same span with its beats. Those between the chunk before and this one are this one's: live frames do not tell how long they are
    /// shown, and chunks may be left out. Call it once a chunk.
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
        var begin = At(span.Begin);
        return span with
        {
            BeginBeat = _end < begin ? _end.Value : begin,
            EndBeat = Math.Max(At(span.End), At(span.Begin + span.Length)),
        };
    }

    /// <summary>Another tempo from a time on.</summary>
    /// <param name="change">The tempo; where it falls on a beat the count goes to the nearest one.</param>
    /// <param name="from">When.</param>
    public void Take(TempoChange change, TimeSpan from)
    {
        var beat = At(from);
        _end = null;
        (_origin, _beat, Bpm) = (from, change.IsBeat ? Math.Round(beat) : beat, change.Bpm);
    }
}
