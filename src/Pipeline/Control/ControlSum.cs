using StreamDiff.Pipeline.Stream;

namespace StreamDiff.Pipeline.Control;

/// <summary>What many changes of a stream come to: where it begins anew, these make it what it was.</summary>
public static class ControlSum
{
    private const string Quantize = "quantize";
    private const string Map = "map ";

    /// <summary>
    /// The last of each setting, without the way to it, in the order in which they were made. What only held for a moment is left out, as
    /// are signals: controllers send them again.
    /// </summary>
    /// <param name="changes">All changes, the oldest first.</param>
    /// <param name="keepsOff">
    /// True also keeps what only takes something away (<c>unmap</c>, <c>on SIGNAL off</c>, <c>quantize off</c>): the sum is for a stream
    /// that had other changes before. Default false: one that begins anew has nothing to take away.
    /// </param>
    public static IReadOnlyList<ControlChange> Of(IEnumerable<ControlChange> changes, bool keepsOff = false)
    {
        var sum = new OrderedDictionary<string, ControlChange>(StringComparer.Ordinal);
        foreach (var change in changes)
            Add(sum, change, keepsOff);
        // It would hold up those behind it.
        if (sum.Remove(Quantize, out var quantize) && (keepsOff || quantize is QuantizeChange { Beats: > 0 }))
            sum.Add(Quantize, quantize);
        return [.. sum.Values];
    }

    /// <summary>True for what holds for a moment only and is not to be remembered.</summary>
    public static bool IsPassing(ControlChange change) => change is SignalChange or TapChange or RefreshChange;

    private static void Add(OrderedDictionary<string, ControlChange> sum, ControlChange change, bool keepsOff)
    {
        void Put(string slot, ControlChange? last)
        {
            _ = sum.Remove(slot);
            if (last is not null)
                sum.Add(slot, last);
        }
        switch (change)
        {
            case PromptChange prompt:
                Put("prompt", prompt with { BlendChunks = 1, Kind = BlendKind.Linear, Easing = Easing.Linear, Over = null });
                break;
            case NumberChange number:
                Put(number.Key, number.At(number.Target));
                break;
            case SeedChange:
                Put("seed next", null);
                Put("seed", change);
                break;
            case SeedStepChange step:
                Put("seed next", new SeedStepChange(step.Step + ((sum.GetValueOrDefault("seed next") as SeedStepChange)?.Step ?? 0)));
                break;
            case SinksChange sinks:
                var before = sum.GetValueOrDefault("sinks") as SinksChange;
                Put("sinks", new SinksChange(sinks.Frames ?? before?.Frames, sinks.Threshold ?? before?.Threshold));
                break;
            case PresetChange preset:
                // Another one may leave as it is what this one has changed.
                Put($"preset {preset.Name}", preset);
                break;
            case MapChange map:
                Put(Map + map.Low.Key, map);
                break;
            case UnmapChange { Key: { } key }:
                Put(Map + key, keepsOff ? change : null);
                break;
            case UnmapChange:
                foreach (var slot in sum.Keys.Where(k => k.StartsWith(Map, StringComparison.Ordinal)).ToList())
                    Put(slot, null);
                Put("unmap", keepsOff ? change : null);
                break;
            case TriggerChange { IsAlso: true } more:
                var also = $"on {more.Source} also ";
                Put($"{also}{sum.Keys.Count(k => k.StartsWith(also, StringComparison.Ordinal))}", more);
                break;
            case TriggerChange trigger:
                foreach (var slot in sum.Keys.Where(k => k.StartsWith($"on {trigger.Source} also ", StringComparison.Ordinal)).ToList())
                    Put(slot, null);
                Put($"on {trigger.Source}", trigger.Change is null && !keepsOff ? null : trigger);
                break;
            case TempoChange tempo:
                Put("tempo", new TempoChange(tempo.Bpm));
                break;
            case QuantizeChange:
                Put(Quantize, change);
                break;
            case LearnChange:
                Put("learn", change);
                break;
            case SignalChange or TapChange or RefreshChange:
                break;
            case RegionChange or RegionFollowChange:
                Put("region", change);
                break;
            default:
                Put(change.GetType().Name, change);
                break;
        }
    }
}
