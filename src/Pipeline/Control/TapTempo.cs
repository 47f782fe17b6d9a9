namespace StreamDiff.Pipeline.Control;

/// <summary>Makes a tempo of taps: the mean of the last intervals. From any thread, one at a time.</summary>
/// <param name="time">When a tap is.</param>
public sealed class TapTempo(TimeProvider time)
{
    private const int MostTaps = 8;
    private static readonly TimeSpan LongestGap = TimeSpan.FromSeconds(3);

    private readonly List<long> _taps = [];

    /// <summary>A tap now; the tempo that it makes, null for the first of a row.</summary>
    public TempoChange? Tap()
    {
        var now = time.GetTimestamp();
        if (_taps.Count > 0 && time.GetElapsedTime(_taps[^1], now) > LongestGap)
            _taps.Clear();
        _taps.Add(now);
        if (_taps.Count > MostTaps)
            _taps.RemoveAt(0);
        if (_taps.Count < 2)
            return null;
        var beat = time.GetElapsedTime(_taps[0], now).TotalMinutes / (_taps.Count - 1);
        return new TempoChange(Math.Round(Math.Clamp(1 / beat, ControlLine.SlowestTempo, ControlLine.FastestTempo), 2), IsBeat: true);
    }
}
