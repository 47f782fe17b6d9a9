namespace StreamDiff.Pipeline.Control.Steering;

/// <summary>What is played as an instrument is: signals and what they set off, taps, and where the music is.</summary>
public sealed partial class StreamControls
{
    // A clock of MIDI: less than a chunk at any rate.
    private const double ClosestBeat = 1.0 / 24;
    // What a clock trembles is no other tempo.
    private const double ClosestTempo = 0.005;

    private Func<TimeSpan>? _now;
    private (MusicPosition Position, TimeSpan? At)? _heard;

    /// <summary>
    /// Tells where the music is now: from the next chunk on beats are counted so, from this moment where the stream's frames have the time
    /// of a clock. Where the count is right already nothing changes. From any thread.
    /// </summary>
    public void Hear(MusicPosition music)
    {
        lock (_gate)
            if (IsOpenEnded && !_isClosed)
                _heard = (music, _now?.Invoke());
    }

    // Controllers send many of them: they wait for no chunk.
    private PendingChange Signalled(SignalChange signal)
    {
        Signals.Set(signal.Name, signal.Value);
        // Keys that are let go are not what is meant.
        if (_learning is { } map && signal.Value > 0)
        {
            _learning = null;
            _ = Enqueue([map with { Source = signal.Name }]);
        }
        return AtOnce(signal);
    }

    private PendingChange AtOnce(ControlChange change)
    {
        var pending = new PendingChange(change);
        pending.Took(new AppliedChange(change, _last?.Chunk ?? 0, _last?.Frame ?? 0));
        return pending;
    }

    private IEnumerable<ControlChange> Tapped() => _taps.Tap() is { } tempo ? [tempo] : [];

    // What puts the count of beats right.
    private TempoChange? Heard(ChunkSpan span)
    {
        lock (_gate)
        {
            if (_heard is not var (music, told))
                return null;
            _heard = null;
            var beat = music.Beat + (told is { } at ? (span.Origin + span.Begin - at).TotalMinutes * music.Bpm : 0);
            var counted = _beats.At(span.Begin);
            var off = beat - counted;
            if (!music.IsPlaced)
                off -= Math.Round(off);
            return Math.Abs(off) <= ClosestBeat && Math.Abs(music.Bpm / _beats.Bpm - 1) <= ClosestTempo
                ? null
                : new TempoChange(Math.Round(music.Bpm, 2)) { Beat = Math.Round(counted + off, 3) };
        }
    }

    // What signals make, behind what was given: a map that was given just now counts.
    private List<PendingChange> SetOff(ChunkSpan span)
    {
        if (_modulation.IsEmpty && _setOff.Count == 0)
        {
            Signals.Forget();
            return [];
        }
        var dropped = 0;
        List<PendingChange> ready;
        lock (_gate)
        {
            Signals.Begin(span);
            foreach (var change in _modulation.Next(span.Length.TotalSeconds))
                // A prompt that is slow to read holds those behind it.
                if (_setOff.Count < MostPending)
                    _setOff.Add(new PendingChange(change) { Prepared = _prepare(change) });
                else
                    dropped++;
            Signals.Forget();
            // In order, as far as they are prepared; a prompt that was told once is ready at once.
            ready = [.. _setOff.TakeWhile(
                p => (p.Prepared.IsCompleted || _waits) && (span.HasInput || !p.Change.NeedsInput))];
            _setOff.RemoveRange(0, ready.Count);
        }
        if (dropped > 0)
            Failed?.Invoke($"{dropped} changes that signals set off are left out: {MostPending} wait already");
        return ready;
    }
}
