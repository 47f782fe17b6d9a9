using StreamDiff.Models.Registry;

namespace StreamDiff.Pipeline.Plan;

/// <summary>How the denoising steps of a stream are run.</summary>
public enum DenoisingMode
{
    /// <summary>
    /// All steps in one tick, each on another chunk: highest throughput. Output starts after as many ticks as there are steps.
    /// </summary>
    StreamBatch,

    /// <summary>The steps of one chunk one after the other: lowest latency per chunk at low load.</summary>
    Sequential,

    /// <summary>The picture is made from the prompt alone, sequentially; the input gives length, timing and sound.</summary>
    TextToVideo,
}

/// <summary>How the time part of rotary positions is given to cached keys.</summary>
public enum RopeMode
{
    /// <summary>By position in the window, rotated when read: no phase jump, no end. The default.</summary>
    Relative,

    /// <summary>As the published system: keys keep the rotation they were stored with, the frame index jumps back at frame 50.</summary>
    Published,
}

/// <summary>How a stream is denoised. Null means: the model's own default.</summary>
public sealed record SamplingOptions : OptionGroup
{
    // Published setting of text-to-video.
    private const int TextToVideoWindow = 21;

    /// <summary>What the picture should become.</summary>
    [Option("prompt", "TEXT",
        "What the picture should become. The default model, tiny, knows some styles by name and nothing else: 'streamdiff models show "
        + "tiny' lists them. The large models take any description, long ones better than short ones. Default: none, the model "
        + "follows the picture only.", Alias = "-p")]
    public string Prompt { get; init; } = "";

    [Option("steps", "N",
        "Denoising steps, 1 to 4: more take longer and look better, with tiny up to 2 only; text-to-video has its own. Default: 2.")]
    [Limits(1, StreamSettings.MostSteps)]
    public int Steps { get; init; } = 2;

    /// <summary>Largest share of noise mixed into a chunk. Still pictures get this much, moving ones up to 0.1 less.</summary>
    [Option("noise-scale", "X",
        "Largest share of noise, 0.1 to 1: higher is freer, lower keeps closer to the source. Each model has a range that is of use "
        + "(tiny 0.25 to 0.45). Default: the model's own (tiny 0.25, others 0.8)."), Limits(0.1, 1)]
    public double? NoiseScale { get; init; }

    /// <summary>Seed of all noise.</summary>
    [Option("seed", "N", "Seed of all noise: the same seed gives the same output on the same machine. Default: 0.")]
    public long Seed { get; init; }

    [Option("mode", "HOW",
        "stream-batch runs all steps in one tick, each on another chunk (fastest); sequential one after the other (lowest latency); "
        + "text-to-video (not with tiny) makes the picture from the prompt alone, the input giving length, timing and sound. "
        + "Default: stream-batch.", Use = OptionUse.Run | OptionUse.Server)]
    public DenoisingMode Mode { get; init; }

    [Option("rope", "HOW",
        "Time positions of cached frames: relative (no jump, no end) or published (as in the published system). Default: relative.")]
    public RopeMode Rope { get; init; }

    /// <summary>Latent frames that each block's cache holds, sinks included.</summary>
    [Option("window", "N",
        "Latent frames (4 pictures each) that the model looks back on, sinks included. Default: the model's own (tiny 5, others 6).")]
    [Limits(1, Unit = "latent frame")]
    public int? WindowFrames { get; init; }

    /// <summary>Latent frames at the cache's start that are kept.</summary>
    [Option("sinks", "N", "Latent frames at the window's start that are kept; less than the window. Default: the model's own (3).")]
    [Limits(0)]
    public int? SinkFrames { get; init; }

    /// <summary>A sink less similar (cosine) to the new chunk than this is replaced; -1 never.</summary>
    [Option("sink-threshold", "X",
        "A kept frame less similar to the new one than this is replaced; -1 never. Default: the model's own (0.2)."), Limits(-1, 1)]
    public double? SinkThreshold { get; init; }

    /// <summary>The same with everything said that the model decides.</summary>
    public SamplingOptions WithDefaultsOf(ModelConfig model)
    {
        var fromText = Mode == DenoisingMode.TextToVideo;
        return this with
        {
            // Text-to-video begins with nothing but noise.
            NoiseScale = fromText ? NoiseScale : NoiseScale ?? model.Diffusion.NoiseScale,
            WindowFrames = WindowFrames ?? (fromText ? TextToVideoWindow : model.KvCache.WindowFrames),
            SinkFrames = SinkFrames ?? (fromText ? 0 : model.KvCache.SinkFrames),
            SinkThreshold = SinkThreshold ?? (fromText ? -1 : model.KvCache.SinkThreshold),
        };
    }
}
