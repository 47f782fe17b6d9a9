using StreamDiff.Models.KvCache;
using StreamDiff.Pipeline.Control;

namespace StreamDiff.Pipeline.Plan;

/// <summary>What a stream's settings can become, and the room that must be kept for it.</summary>
internal static class SettingLimits
{
    private const string NothingButNoise = "noise has no effect in text-to-video: there is nothing but noise";

    /// <summary>What such a stream can change.</summary>
    /// <param name="geometry">Its caches.</param>
    /// <param name="steps">Denoising steps that the model has.</param>
    /// <param name="fromText">True in text-to-video.</param>
    /// <param name="compute">Whose LoRAs' strengths can change, or why not.</param>
    public static ControlLimits Of(CacheGeometry geometry, int steps, bool fromText, ComputeOptions compute)
    {
        var refused = new Dictionary<Type, string>();
        if (fromText)
        {
            refused[typeof(NoiseScaleChange)] = NothingButNoise;
            refused[typeof(StepsChange)] = "steps cannot change in text-to-video: the model was made for its five";
            foreach (var layer in (Type[])[typeof(MixChange), typeof(LoopbackChange), typeof(RegionChange), typeof(RegionFollowChange),
                typeof(KeyChange)])
                refused[layer] = "text-to-video has no input to keep any of";
            refused[typeof(RefreshChange)] = "text-to-video has no sinks to refresh";
            refused[typeof(SinksChange)] = "sinks cannot change in text-to-video: its window has none";
        }
        if (compute.Loras.Count == 0)
            refused[typeof(LoraChange)] = "there is no lora: --lora FILE --lora-live gives one whose strength can change";
        else if (!compute.LoraLive)
            refused[typeof(LoraChange)] =
                "the strengths of loras are merged into the weights and cannot change: --lora-live keeps them changeable";
        return new ControlLimits
        {
            MostSteps = steps,
            WindowFrames = geometry.WindowFrames,
            Loras = [.. compute.Loras.Select(l => l.Name)],
            Refused = refused,
        };
    }

    /// <summary>
    /// Room for as many sinks as the window can have, and for looking at them, whatever the stream begins with: each chunk says what it
    /// wants.
    /// </summary>
    public static CacheGeometry Roomy(CacheGeometry geometry) =>
        geometry with { SinkFrames = geometry.WindowFrames - 1, SinkThreshold = geometry.SinkThreshold > -1 ? geometry.SinkThreshold : 0 };
}
