namespace StreamDiff.Pipeline.Control.Signals;

/// <summary>Numbers that follow signals, and changes that signals set off. For one thread at a time.</summary>
/// <param name="board">The signals.</param>
internal sealed class Modulation(SignalBoard board)
{
    // Less is not seen, and would only fill the log.
    private const double LeastMove = 0.005;

    private readonly Dictionary<string, Map> _maps = new(StringComparer.Ordinal);
    private readonly Dictionary<string, Trigger> _triggers = new(StringComparer.Ordinal);

    /// <summary>True where nothing follows a signal.</summary>
    public bool IsEmpty => _maps.Count == 0 && _triggers.Count == 0;

    /// <summary>A change of what follows what takes effect.</summary>
    public void Take(ControlChange change)
    {
        switch (change)
        {
            case MapChange map:
                _maps[map.Low.Key] = new Map(map);
                break;
            case UnmapChange { Key: null }:
                _maps.Clear();
                break;
            case UnmapChange { Key: { } key }:
                _maps.Remove(key);
                break;
            case TriggerChange { Change: null } off:
                _triggers.Remove(off.Source);
                break;
            case TriggerChange { IsAlso: true } more when _triggers.TryGetValue(more.Source, out var known):
                known.Add(more);
                break;
            case TriggerChange trigger:
                _triggers[trigger.Source] = new Trigger(trigger);
                break;
            default:
                break;
        }
    }

    /// <summary>What the signals make of a chunk.</summary>
    /// <param name="seconds">How long it is.</param>
    public IReadOnlyList<ControlChange> Next(double seconds)
    {
        var changes = new List<ControlChange>();
        foreach (var trigger in _triggers.Values)
            if (trigger.IsSetOff(board.Read(trigger.Change.Source), board.HasRisen(trigger.Change.Source)))
                changes.AddRange(trigger.SetOff);
        foreach (var map in _maps.Values)
            if (map.Next(board.Read(map.Change.Source), seconds) is { } change)
                changes.Add(change);
        return changes;
    }

    private sealed class Map(MapChange change)
    {
        private double? _value;
        private double? _told;

        public MapChange Change => change;

        public NumberChange? Next(double? signal, double seconds)
        {
            if (signal is not { } now)
                return null;
            var share = change.Smooth <= 0 ? 1 : 1 - Math.Exp(-seconds / change.Smooth);
            _value = _value is { } before ? before + (now - before) * share : now;
            if (_told is { } told && Math.Abs(_value.Value - told) < LeastMove)
                return null;
            _told = _value;
            return change.Low.At(Math.Round(change.Low.Target + (change.High - change.Low.Target) * _value.Value, 4));
        }
    }

    private sealed class Trigger(TriggerChange change)
    {
        private readonly List<ControlChange> _setOff = [.. change.All];
        private bool _isHigh;

        public TriggerChange Change => change;

        public IReadOnlyList<ControlChange> SetOff => _setOff;

        public void Add(TriggerChange more) => _setOff.AddRange(more.All);

        // Once each time that it rises; a sound's onset is another one in each chunk.
        public bool IsSetOff(double? signal, bool hasRisen)
        {
            var wasHigh = _isHigh;
            _isHigh = signal >= TriggerChange.Limit;
            return hasRisen || _isHigh && (!wasHigh || change.IsMomentary);
        }
    }
}
