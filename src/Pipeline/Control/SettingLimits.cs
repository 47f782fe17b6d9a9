using StreamDiff.Models.KvCache;

namespace StreamDiff.Pipeline.Control;

/// <summary>What a stream's settings can become, and the room that must be kept for it.</summary>
internal static class SettingLimits
{
    private const string NothingButNoise = "noise has no effect in text-to-video: there is nothing but noise";

    /// <summary>What such a stream can change.</summary>
    /// <param name="geometry">Its caches.</param>
    /// <param name="steps">Denoising steps that the model has.</param>
    /// <param name="fromText">True in text-to-video.</param>
    public static ControlLimits Of(CacheGeometry geometry, int steps, bool fromText) => new()
    {
        MostSteps = steps,
        WindowFrames = geometry.WindowFrames,
        Refused = !fromText ? new Dictionary<Type, string>() : new Dictionary<Type, string>
        {
            [typeof(NoiseScaleChange)] = NothingButNoise,
            [typeof(StepsChange)] = "steps cannot change in text-to-video: the model was made for its five",
            [typeof(SinksChange)] = "sinks cannot change in text-to-video: its window has none",
        },
    };

    /// <summary>
    /// Room for as many sinks as the window can have, and for looking at them, whatever the stream begins with: each chunk says what it
    /// wants.
    /// </summary>
    public static CacheGeometry Roomy(CacheGeometry geometry) =>
        geometry with { SinkFrames = geometry.WindowFrames - 1, SinkThreshold = geometry.SinkThreshold > -1 ? geometry.SinkThreshold : 0 };
}
