using StreamDiff.Transport.Media.Live;

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

/// <summary>Everything that <c>streamdiff run</c> needs to restyle one file. Null means: the model's own default.</summary>
public sealed record RestyleOptions
{
    /// <summary>A file, or a built-in source such as <c>test:scene</c>.</summary>
    public required string Input { get; init; }

    /// <summary>
    /// The file to write, its extension choosing the container; <c>null:</c> writes nothing. Several outputs are on a line each.
    /// </summary>
    public required string Output { get; init; }

    /// <summary>Each output by itself.</summary>
    public IReadOnlyList<string> Outputs =>
        Output.Split(OutputSeparator, StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries);

    /// <summary>Between several outputs.</summary>
    public const char OutputSeparator = '\n';

    /// <summary>The model's name that leaves the model out.</summary>
    public const string Passthrough = "passthrough";

    /// <summary>Name of a folder under models/, or a path to such a folder.</summary>
    public string Model { get; init; } = "tiny";

    /// <summary>What the picture should become.</summary>
    public string Prompt { get; init; } = "";

    /// <summary>Denoising steps, 1 to 4. Default 2.</summary>
    public int Steps { get; init; } = 2;

    /// <summary>Picture size in pixels, multiples of 16. Null: the model's default size.</summary>
    public (int Width, int Height)? Size { get; init; }

    /// <summary>crop, letterbox or stretch. Default crop.</summary>
    public string Fit { get; init; } = "crop";

    /// <summary>Frames per second to resample to, such as 30 or 30000/1001. Null: the source's own timing.</summary>
    public string? Fps { get; init; }

    /// <summary>Seed of all noise. The same seed gives the same output on the same machine. Default 0.</summary>
    public long Seed { get; init; }

    /// <summary>Default: all steps in one tick.</summary>
    public DenoisingMode Mode { get; init; } = DenoisingMode.StreamBatch;

    /// <summary>Default: by position in the window.</summary>
    public RopeMode Rope { get; init; } = RopeMode.Relative;

    /// <summary>
    /// Largest share of noise mixed into a chunk, 0.1 to 1. Still pictures get this much, moving ones up to 0.1 less. Null: the model's.
    /// </summary>
    public double? NoiseScale { get; init; }

    /// <summary>Latent frames that each block's cache holds, sinks included. Null: the model's.</summary>
    public int? WindowFrames { get; init; }

    /// <summary>Latent frames at the cache's start that are kept. Null: the model's.</summary>
    public int? SinkFrames { get; init; }

    /// <summary>A sink less similar (cosine) to the new chunk than this is replaced; -1 never. Null: the model's.</summary>
    public double? SinkThreshold { get; init; }

    /// <summary>taehv or wan. Null: the model's default.</summary>
    public string? Vae { get; init; }

    /// <summary>auto, cpu, cuda or cuda:N. auto takes cuda where there is one.</summary>
    public string Device { get; init; } = "auto";

    /// <summary>
    /// auto, float32 or bfloat16. auto is bfloat16 on CUDA and on processors that multiply it themselves (AVX512_BF16, AMX), float32 on
    /// others.
    /// </summary>
    public string Type { get; init; } = "auto";

    /// <summary>
    /// Devices or addresses of the ranks that share the transformer, or a file that lists them. Null: one rank on <see cref="Device"/>.
    /// </summary>
    public string? Ranks { get; init; }

    /// <summary>
    /// With ranks: device of the VAE, or encoder's and decoder's, separated by a comma. Null: on the first and on the last rank of this
    /// process.
    /// </summary>
    public string? VaeDevice { get; init; }

    /// <summary>
    /// Compute threads of each stage on the CPU. Null: half the cores (at most 4 in a live run), because encoding, denoising and decoding
    /// run side by side.
    /// </summary>
    public int? Threads { get; init; }

    /// <summary>FFmpeg's name of the video encoder. Null: libx264, or what the container can hold.</summary>
    public string? VideoCodec { get; init; }

    /// <summary>Constant quality, lower is better. Null: 20 for x264, the encoder's own otherwise.</summary>
    public int? Quality { get; init; }

    /// <summary>Encoder preset. Null: veryfast for x264 and x265, the encoder's own otherwise.</summary>
    public string? Preset { get; init; }

    /// <summary>PNG file for a few frames before and after. Null: none.</summary>
    public string? ContactSheet { get; init; }

    /// <summary>False leaves the sound out.</summary>
    public bool Audio { get; init; } = true;

    /// <summary>File of changes with their times. Null: none.</summary>
    public string? Timeline { get; init; }

    /// <summary>Where changes come from while the run goes on: stdin. Null: nowhere.</summary>
    public string? Control { get; init; }

    /// <summary>File to write the session to, for a replay. Null: none.</summary>
    public string? Log { get; init; }

    /// <summary>True runs as a live one: constant frame rate, at the speed of time. Always true where input or output is live.</summary>
    public bool Live { get; init; }

    /// <summary>True when a run with these options is a live one: it was asked for, or input or output cannot be anything else.</summary>
    public bool IsLive => Live || Model == Passthrough || Outputs.Append(Input).Any(a => MediaAddress.Parse(a).IsLive);

    /// <summary>
    /// Milliseconds from a frame's capture to its hand-over that a live run keeps to, giving up steps and then frames where it must. Null:
    /// as fast as it goes, nothing given up.
    /// </summary>
    public double? Deadline { get; init; }

    /// <summary>
    /// Seconds that a live run waits for a source of which nothing was seen yet, infinity for ever. Null: ten seconds for a server that
    /// does not answer, not at all for what does not exist. Whoever waits for senders does so for ever.
    /// </summary>
    public double? WaitForSource { get; init; }

    /// <summary>
    /// Seconds after which a live run ends when nothing comes from its source, be it lost or never seen: a browser that does not come back.
    /// Null: never.
    /// </summary>
    public double? SourceGone { get; init; }

    /// <summary>
    /// Seconds of the input that are passed over; its first frame at or after them is the first. Null: none. Not for live inputs.
    /// </summary>
    public double? Start { get; init; }

    /// <summary>Seconds of the input that a file run takes, or after which a live run stops. Null: no limit.</summary>
    public double? Duration { get; init; }

    /// <summary>Seconds of each file of a live recording. Null: one file.</summary>
    public double? SegmentTime { get; init; }

    /// <summary>What a live run shows while its source is gone: last, slate or an image file. Default last.</summary>
    public string Fallback { get; init; } = "last";

    /// <summary>Kilobits a second of a live run's frames. Null: by size and rate.</summary>
    public int? VideoBitRate { get; init; }
}
