using StreamDiff.Transport.Media.Live;

namespace StreamDiff.Bench.Probe;

/// <summary>A tone at the beginning of each second.</summary>
internal static class Beeps
{
    private const double Frequency = 1000;
    private const float Loudness = 0.5f;

    /// <summary>True in the first part of each second.</summary>
    public static bool IsOn(double seconds, double length) => seconds - Math.Floor(seconds + 1e-9) < length - 1e-9;

    /// <summary>Sound from one sample pair up to another.</summary>
    public static SoundBlock Block(long from, long to, double length)
    {
        var samples = new float[(to - from) * SoundBlock.Channels];
        for (var i = 0; i < samples.Length / SoundBlock.Channels; i++)
        {
            var time = (double)(from + i) / SoundBlock.Rate;
            var value = IsOn(time, length) ? Loudness * (float)Math.Sin(2 * Math.PI * Frequency * time) : 0;
            (samples[2 * i], samples[2 * i + 1]) = (value, value);
        }
        return new SoundBlock(from, samples);
    }
}

/// <summary>Finds where beeps and flashes begin, and how far apart.</summary>
internal sealed class BeepFinder
{
    private const float Threshold = 0.1f;
    private const int QuietSamples = SoundBlock.Rate / 10;
    private const double Furthest = 0.45;
    private readonly List<double> _beeps = [];
    private readonly List<double> _flashes = [];
    private long _quiet;
    private bool? _wasFlash;

    /// <summary>Takes sound with its time of presentation.</summary>
    public void Hear(SoundBlock block)
    {
        for (var i = 0; i < block.Count; i++)
        {
            if (Math.Abs(block.Samples[2 * i]) < Threshold)
            {
                _quiet++;
                continue;
            }
            if (_quiet >= QuietSamples)
                _beeps.Add((double)(block.Position + i) / SoundBlock.Rate);
            _quiet = 0;
        }
    }

    /// <summary>Takes a picture's flag with its time of presentation.</summary>
    public void See(bool isFlash, double time)
    {
        if (isFlash && _wasFlash == false)
            _flashes.Add(time);
        _wasFlash = isFlash;
    }

    /// <summary>Seconds from each flash to its beep: those of a share at the beginning, and the others.</summary>
    public (List<double> Start, List<double> Later) Offsets(double share)
    {
        var start = (int)Math.Ceiling(share * _flashes.Count);
        return (Offsets(_flashes.Take(start)), Offsets(_flashes.Skip(start)));
    }

    private List<double> Offsets(IEnumerable<double> flashes) =>
        [.. flashes.Where(_ => _beeps.Count > 0).Select(f => _beeps.MinBy(b => Math.Abs(b - f)) - f).Where(d => Math.Abs(d) < Furthest)];
}
