using System.Collections.Concurrent;

namespace StreamDiff.Pipeline.Control.Signals;

/// <summary>
/// Signals of one stream by name: those of its sound, the beat, and what controllers set. From any thread.
/// </summary>
public sealed class SignalBoard
{
    // Whoever sends names without end must not fill the memory.
    private const int MostNames = 4096;

    private readonly ConcurrentDictionary<string, double> _values = new(StringComparer.Ordinal);
    private readonly ConcurrentDictionary<string, bool> _risen = new(StringComparer.Ordinal);
    private double _beat;
    private double _motion;
    private bool _isCut;
    private volatile float _drift;

    /// <summary>The stream's sound.</summary>
    public SoundSignals Sound { get; } = new();

    /// <summary>A controller's signal.</summary>
    /// <param name="name">Its name.</param>
    /// <param name="value">0 to 1.</param>
    public void Set(string name, double value)
    {
        if (_values.Count >= MostNames && !_values.ContainsKey(name))
            return;
        // A key may be let go before the next chunk, or pressed once more.
        if (value >= TriggerChange.Limit && (!_values.TryGetValue(name, out var before) || before < TriggerChange.Limit))
            _risen[name] = true;
        _values[name] = Math.Clamp(value, 0, 1);
    }

    /// <summary>True where a controller's signal has come to <see cref="TriggerChange.Limit"/> since <see cref="Forget"/>.</summary>
    internal bool HasRisen(string name) => _risen.ContainsKey(name);

    /// <summary>A chunk has followed the signals.</summary>
    internal void Forget() => _risen.Clear();

    /// <summary>A signal, 0 to 1; null where nothing has set it yet.</summary>
    internal double? Read(string name) => name == SignalNames.Beat ? _beat
        : name.StartsWith(SignalNames.Sound, StringComparison.Ordinal) ? Sound.Read(name[SignalNames.Sound.Length..])
        : name == SignalNames.Cut ? _isCut ? 1 : 0
        : name == SignalNames.Motion ? _motion
        : name == SignalNames.Drift ? _drift
        : _values.TryGetValue(name, out var value) ? value : null;

    /// <summary>The picture of the chunk that begins.</summary>
    /// <param name="motion">In units of [-1, 1] pixels; half of that counts as all.</param>
    /// <param name="isCut">True where it is another one than before.</param>
    internal void See(double motion, bool isCut) => (_motion, _isCut) = (Math.Min(1, 2 * motion), isCut);

    /// <summary>How far pictures that came out are from the stream's first.</summary>
    internal void Drifted(double? drift) => _drift = (float)(drift ?? 0);

    /// <summary>A chunk begins.</summary>
    /// <param name="span">With its beats.</param>
    internal void Begin(in ChunkSpan span)
    {
        // The chunk in which a beat is has it in full.
        _beat = span.HasBeat(1) ? 1 : 1 - (span.BeginBeat - Math.Floor(span.BeginBeat));
        if (Sound.IsWanted)
            Sound.Hear(span.Origin + span.End);
    }
}
