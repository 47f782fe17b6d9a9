using StreamDiff.Transport.Media.Live;

namespace StreamDiff.Pipeline.Live;

/// <summary>
/// Holds sound until its pictures leave. Blocks are put at their place in the output's time; what is missing when its time comes is silence. Small differences of place are
/// let be, so that sound runs on without gaps; larger ones are jumped. Safe for one writer and one reader.
/// </summary>
internal sealed class SoundDelay
{
    private const int Capacity = 30 * SoundBlock.Rate;
    private const double Smoothing = 0.1;
    private static readonly TimeSpan Tolerance = TimeSpan.FromMilliseconds(20);
    private static readonly TimeSpan Leap = TimeSpan.FromMilliseconds(120);
    private static readonly TimeSpan FirstHold = TimeSpan.FromMilliseconds(20);
    private static readonly TimeSpan LongestHold = TimeSpan.FromSeconds(1);

    private readonly Lock _gate = new();
    private readonly float[] _ring = new float[Capacity * SoundBlock.Channels];
    private TimeSpan _hold = FirstHold;
    private TimeSpan _asked;
    private double _deviation;
    private long _read;
    private long _written;

    /// <summary>How much later than its time sound is given, because it comes that late.</summary>
    public TimeSpan Hold
    {
        get
        {
            lock (_gate)
                return _hold;
        }
    }

    /// <summary>Sample pairs of silence that stand for missing sound.</summary>
    public long Missing { get; private set; }

    /// <summary>Times that the place had to be jumped.</summary>
    public long Jumps { get; private set; }

    /// <summary>Puts a block at its place.</summary>
    /// <param name="block">The sound.</param>
    /// <param name="place">Its time in the output.</param>
    public void Add(SoundBlock block, TimeSpan place)
    {
        lock (_gate)
        {
            var position = ToSamples(place);
            if (RunsOn(position - _written))
                position = _written;
            else if (_written > 0)
                Jumps++;
            HoldLonger(position);
            Write(block.Samples, position);
            _written = position + block.Count;
        }
    }

    /// <summary>The sound up to a time of the output, silence where there is none; null when it is not time yet.</summary>
    public SoundBlock? Take(TimeSpan until)
    {
        lock (_gate)
        {
            _asked = until;
            var count = (int)Math.Min(ToSamples(until - _hold) - _read, Capacity);
            if (count <= 0)
                return null;
            var samples = new float[count * SoundBlock.Channels];
            for (var i = 0; i < samples.Length;)
            {
                var from = (int)((_read * SoundBlock.Channels + i) % _ring.Length);
                var part = _ring.AsSpan(from, Math.Min(_ring.Length - from, samples.Length - i));
                part.CopyTo(samples.AsSpan(i));
                part.Clear();
                i += part.Length;
            }
            var block = new SoundBlock(_read, samples);
            _read += count;
            Missing += Math.Clamp(_read - _written, 0, count);
            return block;
        }
    }

    // Jitter is let be, what stays is corrected.
    private bool RunsOn(long deviation)
    {
        _deviation += Smoothing * (deviation - _deviation);
        if (_written > 0 && Math.Abs(deviation) <= ToSamples(Leap) && Math.Abs(_deviation) <= ToSamples(Tolerance))
            return true;
        _deviation = 0;
        return false;
    }

    private void HoldLonger(long position)
    {
        var needed = _asked - TimeSpan.FromSeconds((double)position / SoundBlock.Rate) + TimeSpan.FromMilliseconds(5);
        // Sound that belongs to another time altogether is no reason to wait.
        if (needed > _hold && needed <= LongestHold)
            _hold = needed;
    }

    private void Write(float[] samples, long position)
    {
        for (var i = 0; i < samples.Length / SoundBlock.Channels; i++)
        {
            var place = position + i;
            if (place < _read || place >= _read + Capacity)
                continue;
            var at = place % Capacity * SoundBlock.Channels;
            (_ring[at], _ring[at + 1]) = (samples[2 * i], samples[2 * i + 1]);
        }
    }

    private static long ToSamples(TimeSpan time) => (long)Math.Round(time.TotalSeconds * SoundBlock.Rate);
}
