using StreamDiff.Transport.Media.Live;

namespace StreamDiff.Pipeline.Control.Signals;

/// <summary>What a hundredth of a second of sound is like.</summary>
/// <param name="Time">When it begins, on the clock of the stream's frames.</param>
/// <param name="Level">0 at -60 dB of full scale, 1 at 0 dB.</param>
/// <param name="Bass">The same of what is below 150 Hz.</param>
/// <param name="Mid">The same from 150 to 2,000 Hz.</param>
/// <param name="Treble">The same above.</param>
/// <param name="IsOnset">True where something sets in.</param>
/// <param name="IsBeat">True where a beat is, as far as the last seconds have one.</param>
internal readonly record struct SoundFeatures(
    TimeSpan Time, float Level, float Bass, float Mid, float Treble, bool IsOnset, bool IsBeat);

/// <summary>
/// Level, bands, onsets and beats of sound as it comes: three bands of second-order filters (RBJ's cookbook), an onset where they rise
/// together by more than they usually do, beats where the onsets of the last seconds repeat themselves best. For one thread.
/// </summary>
internal sealed class SoundAnalyzer
{
    /// <summary>Sample pairs of one piece.</summary>
    public const int Hop = SoundBlock.Rate / 100;

    private const float Floor = -60;
    private const int Memory = 80;
    // Less is a change of level, not something that begins.
    private const float LeastRise = 9;
    private const int LeastGap = 12;
    private const float Fall = 1;

    private readonly Biquad _bass = Biquad.LowPass(150);
    private readonly Biquad _midLow = Biquad.HighPass(150);
    private readonly Biquad _midHigh = Biquad.LowPass(2_000);
    private readonly Biquad _treble = Biquad.HighPass(2_000);
    private readonly float[] _rises = new float[Memory];
    // Noise goes up and down by itself: what rises is measured against the peaks of late, which fall by a decibel in each piece.
    private readonly float[] _peaks = [Floor, Floor, Floor];
    private readonly BeatTracker _beats = new();
    private readonly double[] _sums = new double[4];
    private TimeSpan _begin;
    private int _count;
    private long _hops;
    private long _lastOnset = -LeastGap;

    /// <summary>Takes sound and gives the pieces that are complete.</summary>
    /// <param name="block">The sound.</param>
    /// <param name="time">When it begins.</param>
    public IEnumerable<SoundFeatures> Add(SoundBlock block, TimeSpan time)
    {
        for (var i = 0; i < block.Count; i++)
        {
            if (_count == 0)
                _begin = time + TimeSpan.FromSeconds((double)i / SoundBlock.Rate);
            var sample = 0.5f * (block.Samples[2 * i] + block.Samples[2 * i + 1]);
            Sum(0, sample);
            Sum(1, _bass.Next(sample));
            Sum(2, _midHigh.Next(_midLow.Next(sample)));
            Sum(3, _treble.Next(sample));
            if (++_count == Hop)
                yield return Take();
        }
    }

    private void Sum(int band, float sample) => _sums[band] += sample * sample;

    private SoundFeatures Take()
    {
        Span<float> decibels = stackalloc float[4];
        for (var i = 0; i < 4; i++)
            (decibels[i], _sums[i]) = ((float)Math.Max(Floor, 10 * Math.Log10(_sums[i] / Hop + 1e-12)), 0);
        _count = 0;
        var rise = Rise(decibels[1..]);
        var isOnset = IsOnset(rise);
        _rises[_hops % Memory] = rise;
        var isBeat = _beats.Next(isOnset ? rise : 0);
        _hops++;
        return new SoundFeatures(_begin, Share(decibels[0]), Share(decibels[1]), Share(decibels[2]), Share(decibels[3]), isOnset, isBeat);
    }

    private float Rise(ReadOnlySpan<float> bands)
    {
        var rise = 0f;
        for (var i = 0; i < 3; i++)
        {
            var over = bands[i] - _peaks[i];
            rise += Math.Max(0, over);
            _peaks[i] += over > 0 ? over : Math.Max(over, -Fall);
        }
        return rise;
    }

    private bool IsOnset(float rise)
    {
        var known = (int)Math.Min(_hops, Memory);
        var (sum, squares) = (0f, 0f);
        for (var i = 0; i < known; i++)
            (sum, squares) = (sum + _rises[i], squares + _rises[i] * _rises[i]);
        var mean = known == 0 ? 0 : sum / known;
        var spread = known == 0 ? 0 : MathF.Sqrt(Math.Max(0, squares / known - mean * mean));
        if (rise < LeastRise || rise < mean + 1.5f * spread || _hops - _lastOnset < LeastGap)
            return false;
        _lastOnset = _hops;
        return true;
    }

    private static float Share(float decibels) => Math.Clamp((decibels - Floor) / -Floor, 0, 1);

    private sealed class Biquad
    {
        private readonly float _b0, _b1, _b2, _a1, _a2;
        private float _z1, _z2;

        private Biquad(double frequency, bool isHigh)
        {
            var w = 2 * Math.PI * frequency / SoundBlock.Rate;
            var (cos, alpha) = (Math.Cos(w), Math.Sin(w) / Math.Sqrt(2));
            var (outer, inner) = isHigh ? ((1 + cos) / 2, -(1 + cos)) : ((1 - cos) / 2, 1 - cos);
            var a0 = 1 + alpha;
            (_b0, _b1, _b2) = ((float)(outer / a0), (float)(inner / a0), (float)(outer / a0));
            (_a1, _a2) = ((float)(-2 * cos / a0), (float)((1 - alpha) / a0));
        }

        public static Biquad LowPass(double frequency) => new(frequency, false);

        public static Biquad HighPass(double frequency) => new(frequency, true);

        public float Next(float x)
        {
            var y = _b0 * x + _z1;
            _z1 = _b1 * x - _a1 * y + _z2;
            _z2 = _b2 * x - _a2 * y;
            // Numbers too small to be normal are slow on some processors.
            if (Math.Abs(_z1) < 1e-20f)
                _z1 = 0;
            if (Math.Abs(_z2) < 1e-20f)
                _z2 = 0;
            return y;
        }
    }
}
