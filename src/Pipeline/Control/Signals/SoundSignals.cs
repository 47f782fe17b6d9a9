using StreamDiff.Transport.Media.Live;

namespace StreamDiff.Pipeline.Control.Signals;

/// <summary>
/// The stream's own sound as signals, heard before it waits for the picture. Analysed only while somebody wants it. Sound comes from one
/// thread, and is asked for by another.
/// </summary>
public sealed class SoundSignals
{
    // A stream that takes no chunk keeps the newest.
    private const int MostKept = 100 * 10;

    private readonly Lock _gate = new();
    private readonly Queue<SoundFeatures> _heard = new();
    private SoundAnalyzer _analyzer = new();
    private SoundFeatures _now;
    private TimeSpan _until;
    private volatile bool _isWanted;

    /// <summary>True once a change follows the sound.</summary>
    public bool IsWanted => _isWanted;

    /// <summary>From now on.</summary>
    internal void Want() => _isWanted = true;

    /// <summary>Sound.</summary>
    /// <param name="block">The sound.</param>
    /// <param name="time">When it begins, on the clock of the stream's frames.</param>
    public void Add(SoundBlock block, TimeSpan time)
    {
        if (!_isWanted)
            return;
        ArgumentNullException.ThrowIfNull(block);
        lock (_gate)
        {
            // After a gap nothing rises from what was before it.
            if (Math.Abs((time - _until).TotalSeconds) > 1)
                _analyzer = new SoundAnalyzer();
            _until = time + TimeSpan.FromSeconds((double)block.Count / SoundBlock.Rate);
            foreach (var features in _analyzer.Add(block, time))
            {
                _heard.Enqueue(features);
                if (_heard.Count > MostKept)
                    _heard.Dequeue();
            }
        }
    }

    /// <summary>Hears what was before a time and has not been heard yet; what comes late is heard with the next chunk.</summary>
    internal void Hear(TimeSpan until)
    {
        lock (_gate)
        {
            var isFirst = true;
            while (_heard.TryPeek(out var next) && next.Time < until)
            {
                _heard.Dequeue();
                _now = isFirst ? next : new SoundFeatures(
                    next.Time, Math.Max(_now.Level, next.Level), Math.Max(_now.Bass, next.Bass), Math.Max(_now.Mid, next.Mid),
                    Math.Max(_now.Treble, next.Treble), _now.IsOnset || next.IsOnset, _now.IsBeat || next.IsBeat);
                isFirst = false;
            }
            // Nothing new: what was is held, but for what only happens once.
            if (isFirst)
                _now = _now with { IsOnset = false, IsBeat = false };
        }
    }

    /// <summary>The loudest of the pieces that were heard last, 0 to 1; 1 for an onset or a beat among them; null for no name.</summary>
    internal double? Read(string name)
    {
        lock (_gate)
            return name switch
            {
                "level" => _now.Level,
                "bass" => _now.Bass,
                "mid" => _now.Mid,
                "treble" => _now.Treble,
                "onset" => _now.IsOnset ? 1 : 0,
                "beat" => _now.IsBeat ? 1 : 0,
                _ => null,
            };
    }
}
