using StreamDiff.Pipeline.Control;
using StreamDiff.Scheduling.Slo;

namespace StreamDiff.Pipeline.Sessions;

/// <summary>What somebody wants of a session.</summary>
/// <param name="Name">Told in logs and status lines; unique on its host.</param>
/// <param name="Restyle">Prompt, steps, size, seed, noise, window and sinks; input and outputs are the caller's business.</param>
/// <param name="Slo">What it is promised.</param>
public sealed record SessionRequest(string Name, RestyleOptions Restyle, SessionSlo Slo)
{
    /// <summary>True drops no picture, however long they wait: for files and tests. Default false: the newest pictures win.</summary>
    public bool KeepsAll { get; init; }

    /// <summary>Changes while it runs; null for controls of its own.</summary>
    public SessionControls? Controls { get; init; }
}

/// <summary>A restyled picture.</summary>
/// <param name="Frame">The picture; belongs to whoever it is given to.</param>
/// <param name="Taken">When the source took it.</param>
/// <param name="Deadline">When it was to be handed over at the latest.</param>
/// <param name="Now">When it was handed over.</param>
public readonly record struct FinishedFrame(Transport.Media.VideoFrame Frame, TimeSpan Taken, TimeSpan Deadline, TimeSpan Now)
{
    /// <summary>True when it came too late.</summary>
    public bool IsLate => Now > Deadline;
}
