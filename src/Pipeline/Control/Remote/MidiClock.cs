using StreamDiff.Transport.Midi;

namespace StreamDiff.Pipeline.Control.Remote;

/// <summary>The tempo of a MIDI clock: 24 clocks a beat, the first of them after a start on it.</summary>
/// <param name="time">When they come.</param>
internal sealed class MidiClock(TimeProvider time)
{
    private const int ClocksABeat = 24;
    // What a clock trembles is no other tempo.
    private const double LeastChange = 0.005;

    private readonly Queue<long> _beats = new();
    private int _clocks;
    private double _told;
    private bool _isStart = true;

    /// <summary>The tempo, where there is another one or a beat after a start; null otherwise.</summary>
    public TempoChange? Take(MidiKind kind)
    {
        if (kind == MidiKind.Start)
        {
            (_clocks, _isStart) = (0, true);
            _beats.Clear();
            return null;
        }
        if (_clocks++ % ClocksABeat != 0)
            return null;
        var now = time.GetTimestamp();
        _beats.Enqueue(now);
        if (_beats.Count > 5)
            _beats.Dequeue();
        if (_beats.Count < 2)
            return null;
        var bpm = (_beats.Count - 1) / time.GetElapsedTime(_beats.Peek(), now).TotalMinutes;
        if (bpm is not (>= ControlLine.SlowestTempo and <= ControlLine.FastestTempo)
            || !(_isStart || Math.Abs(bpm / _told - 1) > LeastChange))
            return null;
        (_told, _isStart) = (bpm, false);
        return new TempoChange(Math.Round(bpm, 2), IsBeat: true);
    }
}
