using StreamDiff.Pipeline.Control.Steering;
using StreamDiff.Transport.Midi;

namespace StreamDiff.Pipeline.Control.Remote;

/// <summary>
/// Where the music is by a MIDI clock (MIDI 1.0, System Real Time and Song Position Pointer): 24 clocks a beat, the first one after Start
/// being beat 0, the first one after Continue the song position, or the one where it was stopped. Clocks that come while it is stopped
/// count for the tempo alone.
/// </summary>
/// <param name="time">When they come.</param>
internal sealed class MidiClock(TimeProvider time)
{
    private const int ClocksABeat = 24;
    private const int ClocksAStep = 6;
    // What a clock trembles is no other tempo.
    private const int MostIntervals = 4 * ClocksABeat;
    // Slower than any tempo: it has paused.
    private static readonly TimeSpan LongestInterval = TimeSpan.FromMinutes(2 / (ControlLine.SlowestTempo * ClocksABeat));

    private readonly Queue<long> _clocks = new();
    private long _last;
    private long _next;
    // Its start may have been before anybody listened.
    private bool _isRunning = true;
    private bool _isPlaced;

    /// <summary>Where the music is now; null where that is no clock of it, or a beat has not passed yet to tell the tempo by.</summary>
    public MusicPosition? Take(MidiEvent happened)
    {
        switch (happened.Kind)
        {
            case MidiKind.Start:
                (_next, _isPlaced, _isRunning) = (0, true, true);
                return null;
            case MidiKind.Continue:
                _isRunning = true;
                return null;
            case MidiKind.Stop:
                _isRunning = false;
                return null;
            case MidiKind.SongPosition:
                (_next, _isPlaced) = ((long)happened.Value * ClocksAStep, true);
                return null;
        }
        var now = time.GetTimestamp();
        if (time.GetElapsedTime(_last, now) > LongestInterval)
            _clocks.Clear();
        _last = now;
        _clocks.Enqueue(now);
        if (_clocks.Count > MostIntervals + 1)
            _clocks.Dequeue();
        if (!_isRunning)
            return null;
        var beat = (double)_next++ / ClocksABeat;
        var intervals = _clocks.Count - 1;
        if (intervals < ClocksABeat)
            return null;
        var bpm = (double)intervals / ClocksABeat / time.GetElapsedTime(_clocks.Peek(), now).TotalMinutes;
        return bpm is >= ControlLine.SlowestTempo and <= ControlLine.FastestTempo ? new MusicPosition(beat, bpm, _isPlaced) : null;
    }
}
