using System.Text.Json.Nodes;
using StreamDiff.Client;
using StreamDiff.Fleet.Contracts;

namespace StreamDiff.Fleet.Workers;

/// <summary>What all changes of a stream come to: a worker that takes it over begins with that.</summary>
internal static class ControlSummary
{
    /// <summary>The last value of each setting.</summary>
    public static ControlRequest Of(IEnumerable<ControlEntry> controls)
    {
        var sum = new ControlRequest();
        foreach (var (_, _, c) in controls)
            sum = sum with
            {
                Prompt = c.Prompt ?? sum.Prompt,
                NoiseScale = c.NoiseScale ?? sum.NoiseScale,
                Steps = c.Steps ?? sum.Steps,
                Seed = c.Seed ?? sum.Seed,
                Sinks = c.Sinks ?? sum.Sinks,
                SinkThreshold = c.SinkThreshold ?? sum.SinkThreshold,
                Paused = c.Paused ?? sum.Paused,
                Loras = c.Loras is null ? sum.Loras
                    : new Dictionary<string, double>((sum.Loras ?? new Dictionary<string, double>())
                        .Where(l => !c.Loras.ContainsKey(l.Key)).Concat(c.Loras)),
            };
        return sum;
    }

    /// <summary>Writes what a session can begin with into its description.</summary>
    public static void Into(JsonObject body, ControlRequest sum)
    {
        void Set(string field, JsonNode? value)
        {
            if (value is not null)
                body[field] = value;
        }
        Set("prompt", sum.Prompt);
        Set("noiseScale", sum.NoiseScale);
        Set("steps", sum.Steps);
        Set("seed", sum.Seed);
        Set("sinks", sum.Sinks);
        Set("sinkThreshold", sum.SinkThreshold);
    }

    /// <summary>What must be told once it runs; null for nothing.</summary>
    public static ControlRequest? NotInBody(ControlRequest sum) => sum.Loras is null && sum.Paused is not true
        ? null
        : new ControlRequest { Loras = sum.Loras, Paused = sum.Paused is true ? true : null };
}
