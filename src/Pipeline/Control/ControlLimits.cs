using StreamDiff.Models.Loras;

namespace StreamDiff.Pipeline.Control;

/// <summary>What a stream can change.</summary>
public sealed record ControlLimits
{
    /// <summary>Everything that the text form allows.</summary>
    public static ControlLimits Widest { get; } = new();

    /// <summary>What a session without a model can change: nothing.</summary>
    public static ControlLimits OfPassthrough { get; } = new()
    {
        RefusesAll = "passthrough has nothing to change: the session runs without a model",
    };

    /// <summary>Most denoising steps. Default 4.</summary>
    public int MostSteps { get; init; } = 4;

    /// <summary>Latent frames of the window; there are fewer sinks than that. Null: not known yet.</summary>
    public int? WindowFrames { get; init; }

    /// <summary>Names of the LoRAs whose strengths can change. Null: not known yet.</summary>
    public IReadOnlyList<string>? Loras { get; init; }

    /// <summary>Kinds of changes that this stream cannot make, each with the reason.</summary>
    public IReadOnlyDictionary<Type, string> Refused { get; init; } = new Dictionary<Type, string>();

    /// <summary>Why nothing can change; null where something can.</summary>
    public string? RefusesAll { get; init; }

    /// <summary>Why a change cannot be made, in one line; null where it can.</summary>
    public string? Refusal(ControlChange change)
    {
        if (RefusesAll is not null)
            return RefusesAll;
        if (Refused.TryGetValue(change.GetType(), out var reason))
            return reason;
        if (change is NumberChange { Glide.IsNone: false, Glide.Over: var way } && Length(way) is { } wrong)
            return wrong;
        return change switch
        {
            MixChange { Share: not (>= 0 and <= 1) } => "mix must be from 0 to 1",
            LoopbackChange { Share: not (>= 0 and <= 0.95) } => "loopback must be from 0 to 0.95",
            LoopbackChange { Delay: < LoopbackChange.UsualDelay or > 64 } =>
                $"loopback's delay must be from {LoopbackChange.UsualDelay} to 64",
            MapChange map => Refusal(map.Low) ?? Refusal(map.Low.At(map.High)),
            LearnChange learn => Refusal(learn.Map),
            TriggerChange trigger => trigger.All.Select(Refusal).FirstOrDefault(r => r is not null),
            PromptChange { Over: { } over } when Length(over) is { } problem => problem,
            TempoChange { Bpm: not (>= ControlLine.SlowestTempo and <= ControlLine.FastestTempo) } =>
                $"tempo must be from {ControlLine.SlowestTempo} to {ControlLine.FastestTempo} beats a minute",
            QuantizeChange { Beats: not (0 or (>= 0.25 and <= 256)) } => "quantize must be from 0.25 to 256 beats",
            PromptChange { BlendChunks: < 1 or > ControlLine.LongestBlend } p =>
                $"blend must be from 1 to {ControlLine.LongestBlend} chunks, not {p.BlendChunks}",
            PromptChange { Text.Length: > ControlLine.LongestPrompt } p =>
                $"the prompt has {p.Text.Length} characters, at most {ControlLine.LongestPrompt} are read",
            NoiseScaleChange { Scale: not (>= 0.1 and <= 1) } n =>
                FormattableString.Invariant($"noise must be from 0.1 to 1, not {n.Scale}"),
            StepsChange s when s.Steps < 1 || s.Steps > MostSteps => $"steps must be from 1 to {MostSteps}, not {s.Steps}",
            SinksChange { Frames: null, Threshold: null } => "sinks needs a number of frames or a threshold",
            SinksChange { Frames: < 0 } s => $"sinks must be at least 0, not {s.Frames}",
            SinksChange { Frames: { } sinks } when sinks >= WindowFrames =>
                $"sinks ({sinks}) must be less than the window ({WindowFrames})",
            SinksChange { Threshold: { } t } when t is not (>= -1 and <= 1) =>
                FormattableString.Invariant($"the sinks' threshold must be from -1 to 1, not {t}"),
            LoraChange { Strength: var strength } when LoraChoice.Problem(strength) is { } problem => $"lora {problem}",
            LoraChange { Name.Length: 0 or > ControlLine.LongestName } => $"a lora's name has 1 to {ControlLine.LongestName} characters",
            LoraChange l when Loras is not null && !Loras.Contains(l.Name) =>
                $"there is no lora named {l.Name}: there {(Loras.Count == 1 ? "is" : "are")} {string.Join(", ", Loras)}",
            _ => null,
        };
    }

    private static string? Length(ControlLength length) => length.Value > 0 && length.Value <= ControlLine.LongestBlend
        ? null
        : FormattableString.Invariant($"blend must be from 1 to {ControlLine.LongestBlend} chunks, not {length}");
}
