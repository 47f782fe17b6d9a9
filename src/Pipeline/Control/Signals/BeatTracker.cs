namespace StreamDiff.Pipeline.Control.Signals;

/// <summary>
/// Beats from onsets, a hundredth of a second at a time: twice a second the period of 60 to 200 a minute is looked for at which the onsets
/// of the last six seconds repeat themselves best, and where in it they fall; until then every onset is a beat.
/// </summary>
internal sealed class BeatTracker
{
    private const int Memory = 600;
    private const int Shortest = 30;
    private const int Longest = 100;
    private const int LookEvery = 50;
    // Onsets are a hundredth or two early or late.
    private const int Tolerance = 2;
    private const double LeastRepeated = 0.5;

    private readonly float[] _onsets = new float[Memory];
    private long _hops;
    private int _period;
    private long _next = long.MaxValue;

    /// <summary>Beats a minute; null while there are none.</summary>
    public double? Bpm => _period == 0 ? null : 6000.0 / _period;

    /// <param name="onset">Its strength; 0 for none.</param>
    /// <returns>True where a beat is.</returns>
    public bool Next(float onset)
    {
        _onsets[_hops % Memory] = onset;
        var now = _hops++;
        if (_hops % LookEvery == 0)
            Look(now);
        if (_period == 0)
            return onset > 0;
        if (onset > 0 && Math.Abs(now - _next) <= Tolerance || now >= _next + Tolerance)
        {
            // Heard, or known.
            _next = onset > 0 ? now + _period : _next + _period;
            return true;
        }
        return false;
    }

    private void Look(long now)
    {
        if (_hops < 2 * Longest)
            return;
        var energy = 0.0;
        for (var i = 0; i < Memory; i++)
            energy += _onsets[i] * _onsets[i];
        var (best, found) = (0.0, 0);
        for (var period = Shortest; period <= Longest && energy > 0; period++)
        {
            var alike = Alike(now, period) / energy;
            // Half and double of a tempo repeat themselves as well: the one nearest to two beats a second is taken.
            var weight = Math.Exp(-0.5 * Math.Pow(Math.Log2(period / 50.0) / 0.9, 2));
            if (alike >= LeastRepeated && alike * weight > best)
                (best, found) = (alike * weight, period);
        }
        if (found == 0)
        {
            (_period, _next) = (0, long.MaxValue);
            return;
        }
        if (_period == 0 || Math.Abs(found - _period) > Tolerance)
            _next = LastOnset(now) + found;
        _period = found;
        while (_next < now)
            _next += _period;
    }

    private double Alike(long now, int period)
    {
        var sum = 0.0;
        var first = Math.Max(0, now - Memory + 1);
        for (var hop = first + period; hop <= now; hop++)
            if (_onsets[hop % Memory] is > 0 and var onset)
            {
                var before = 0f;
                for (var t = -Tolerance; t <= Tolerance; t++)
                    if (hop - period + t >= first)
                        before = Math.Max(before, _onsets[(hop - period + t) % Memory] * (1 - 0.2f * Math.Abs(t)));
                sum += onset * before;
            }
        return sum;
    }

    private long LastOnset(long now)
    {
        for (var hop = now; hop > now - Memory && hop >= 0; hop--)
            if (_onsets[hop % Memory] > 0)
                return hop;
        return now;
    }
}
