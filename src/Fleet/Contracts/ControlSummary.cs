using System.Text.Json.Nodes;
using StreamDiff.Client;
using StreamDiff.Pipeline.Control;
using StreamDiff.Server.Sessions;

namespace StreamDiff.Fleet.Contracts;

/// <summary>What all changes of a stream come to: a worker that takes it over begins with that.</summary>
internal static class ControlSummary
{
    /// <summary>The last of each setting, see <see cref="ControlSum"/>.</summary>
    public static IReadOnlyList<ControlChange> Of(IEnumerable<ControlEntry> controls) =>
        ControlSum.Of(controls.SelectMany(c => Steering.Changes(c.Change)));

    /// <summary>One entry in the place of several, in which a stream is as it was with them, whatever it was before.</summary>
    /// <param name="controls">The oldest first, one at least.</param>
    public static ControlEntry Joined(IReadOnlyList<ControlEntry> controls) =>
        controls[^1] with { Change = new ControlRequest { Commands = [.. Later(controls).Select(c => c.ToString())] } };

    /// <summary>What must be told of changes behind one of them; null for nothing.</summary>
    /// <param name="controls">The oldest first.</param>
    /// <param name="number">The one that was made last.</param>
    public static ControlRequest? Since(IEnumerable<ControlEntry> controls, long number) =>
        Later(controls.Where(c => c.Number > number)) is { Count: > 0 } sum
            ? new ControlRequest { Commands = [.. sum.Select(c => c.ToString())] }
            : null;

    /// <summary>Writes what a session can begin with into its description.</summary>
    /// <param name="body">The description.</param>
    /// <param name="sum">What it is to be.</param>
    /// <returns>What must be told once it runs; null for nothing.</returns>
    public static ControlRequest? Into(JsonObject body, IReadOnlyList<ControlChange> sum)
    {
        var rest = new List<string>();
        var hasPreset = false;
        foreach (var change in sum)
        {
            hasPreset |= change is PresetChange;
            // What was changed after a preset must not be changed back by it.
            if (hasPreset || !TryBegin(body, change))
                rest.Add(change.ToString());
        }
        return rest.Count == 0 ? null : new ControlRequest { Commands = rest };
    }

    private static IReadOnlyList<ControlChange> Later(IEnumerable<ControlEntry> controls) =>
        ControlSum.Of(controls.SelectMany(c => Steering.Changes(c.Change)), keepsOff: true);

    private static bool TryBegin(JsonObject body, ControlChange change)
    {
        switch (change)
        {
            case PromptChange prompt:
                body["prompt"] = prompt.Text;
                return true;
            case NoiseScaleChange noise:
                body["noiseScale"] = noise.Scale;
                return true;
            case StepsChange steps:
                body["steps"] = steps.Steps;
                return true;
            case SeedChange seed:
                body["seed"] = seed.Seed;
                return true;
            case SinksChange sinks:
                if (sinks.Frames is { } frames)
                    body["sinks"] = frames;
                if (sinks.Threshold is { } threshold)
                    body["sinkThreshold"] = threshold;
                return true;
            case PauseChange { IsPaused: false }:
                return true;
            default:
                return false;
        }
    }
}
