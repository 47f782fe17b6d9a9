using StreamDiff.Models.Text;

namespace StreamDiff.Models.Registry;

/// <summary>
/// Sizes and settings of a model, as written in its <c>model.json</c>. Plain numbers: the networks are built from it elsewhere.
/// </summary>
public sealed record ModelConfig
{
    /// <summary>One line for <c>streamdiff models list</c>.</summary>
    public required string Description { get; init; }

    public required DitConfig Dit { get; init; }

    public required TextEncoderConfig TextEncoder { get; init; }

    public required VaeConfig Vae { get; init; }

    public required DiffusionConfig Diffusion { get; init; }

    public required KvCacheConfig KvCache { get; init; }

    /// <summary>Picture size when the user names none; both multiples of 16.</summary>
    public required PictureSize DefaultSize { get; init; }

    public required WeightFiles Weights { get; init; }

    /// <summary>What the model was made for: <c>stream-batch</c>, <c>sequential</c>, <c>text-to-video</c>. Default: all of them.</summary>
    public IReadOnlyList<string> Modes { get; init; } = AllModes;

    /// <summary>The styles that it knows, where it knows nothing else. Null: any prompt may mean something to it.</summary>
    public StyleList? Styles { get; init; }

    internal static IReadOnlyList<string> AllModes { get; } = ["stream-batch", "sequential", "text-to-video"];
}

/// <summary>Numbers from the least to the most that is of use.</summary>
public readonly record struct UsefulRange(double Least, double Most)
{
    public bool Holds(double value) => value >= Least && value <= Most;

    public override string ToString() =>
        Least == Most ? FormattableString.Invariant($"{Least}") : FormattableString.Invariant($"{Least} to {Most}");
}

/// <summary>Width and height in pixels.</summary>
public readonly record struct PictureSize(int Width, int Height)
{
    public override string ToString() => $"{Width}x{Height}";
}

/// <summary>The causal diffusion transformer; keys as in the public checkpoints' config.json.</summary>
public sealed record DitConfig
{
    public required int Dim { get; init; }

    public required int FfnDim { get; init; }

    public required int NumHeads { get; init; }

    public required int NumLayers { get; init; }

    public required int InDim { get; init; }

    public required int OutDim { get; init; }

    /// <summary>Width of the text encoder's output.</summary>
    public required int TextDim { get; init; }

    /// <summary>Tokens that a prompt is padded or cut to, its end mark included.</summary>
    public required int TextLen { get; init; }

    /// <summary>Width of the sinusoidal time embedding.</summary>
    public required int FreqDim { get; init; }

    public required double Eps { get; init; }

    /// <summary>Latent frames, rows and columns of one token: [1, 2, 2].</summary>
    public required IReadOnlyList<int> PatchSize { get; init; }
}

/// <summary>The UMT5 text encoder.</summary>
public sealed record TextEncoderConfig
{
    public required int Vocab { get; init; }

    public required int Dim { get; init; }

    public required int DimAttn { get; init; }

    public required int DimFfn { get; init; }

    public required int NumHeads { get; init; }

    public required int NumLayers { get; init; }

    /// <summary>Buckets of the relative position bias.</summary>
    public required int NumBuckets { get; init; }

    /// <summary>True where one position bias serves all layers; UMT5 has one in each.</summary>
    public required bool SharedPos { get; init; }
}

/// <summary>The autoencoders that a model offers; at least one.</summary>
public sealed record VaeConfig
{
    /// <summary>The one used when the user names none: <c>taehv</c> or <c>wan</c>.</summary>
    public required string Default { get; init; }

    public TaehvSizes? Taehv { get; init; }

    public WanVaeSizes? Wan { get; init; }

    /// <summary>Names of those that exist.</summary>
    public IReadOnlyList<string> Names => [.. new[] { Taehv is null ? null : "taehv", Wan is null ? null : "wan" }.OfType<string>()];
}

/// <summary>The tiny autoencoder.</summary>
public sealed record TaehvSizes
{
    public required IReadOnlyList<int> EncoderWidths { get; init; }

    /// <summary>Four channel counts, first stage to last.</summary>
    public required IReadOnlyList<int> DecoderWidths { get; init; }

    /// <summary>
    /// Changes from frame to frame below so many 8-bit steps (root mean square around a pixel) are held back, because the autoencoder
    /// flickers by as much. Default 0: none.
    /// </summary>
    public double Steady { get; init; }

    /// <summary>Side of the squares of pixels that are one place to it: 1, the default, or 2.</summary>
    public int PatchSize { get; init; } = 1;
}

/// <summary>The Wan 2.1 autoencoder.</summary>
public sealed record WanVaeSizes
{
    public required int Dim { get; init; }

    public required int ZDim { get; init; }

    public required IReadOnlyList<int> DimMult { get; init; }

    public required int NumResBlocks { get; init; }

    public required IReadOnlyList<bool> TemporalDownsample { get; init; }

    /// <summary>Mean per latent channel, removed from a latent that is to be normalised.</summary>
    public required IReadOnlyList<double> Mean { get; init; }

    /// <summary>Standard deviation per latent channel.</summary>
    public required IReadOnlyList<double> Std { get; init; }
}

/// <summary>Flow matching schedule and the motion-aware noise controller.</summary>
public sealed record DiffusionConfig
{
    /// <summary>Shift of the sigma schedule. Published: 8.</summary>
    public required double Shift { get; init; }

    /// <summary>Timesteps of the training schedule: 1000.</summary>
    public required int TrainTimesteps { get; init; }

    /// <summary>Timesteps, highest first; a run takes the first N of them. Published: 700, 500, 400, 200.</summary>
    public required IReadOnlyList<int> DenoisingSteps { get; init; }

    /// <summary>Latent frames denoised together: 1 for video to video.</summary>
    public required int LatentFramesPerChunk { get; init; }

    /// <summary>Largest share of noise, given to still pictures. Published: 0.8.</summary>
    public required double NoiseScale { get; init; }

    /// <summary>How much lower the share gets for the fastest motion. Published: 0.1.</summary>
    public required double NoiseRange { get; init; }

    /// <summary>Root-mean-square difference of frames (in [-1, 1]) that counts as fastest motion. Published: 0.2.</summary>
    public required double NoiseReference { get; init; }

    /// <summary>Weight of the new value in the running noise scale; the old one has the rest. Published: 0.9.</summary>
    public required double NoiseMomentum { get; init; }

    /// <summary>Taken off 1000 * noise scale to get a chunk's first timestep. Published: 100.</summary>
    public required int TimestepOffset { get; init; }

    /// <summary>Noise scales that give pictures worth having. Null: nothing is known against any.</summary>
    public UsefulRange? UsefulNoiseScale { get; init; }

    /// <summary>Numbers of steps that differ in more than the time that they take. Null: nothing is known against any.</summary>
    public UsefulRange? UsefulSteps { get; init; }
}

/// <summary>The rolling cache of keys and values, in latent frames.</summary>
public sealed record KvCacheConfig
{
    /// <summary>Latent frames held, sinks included. Published: 6.</summary>
    public required int WindowFrames { get; init; }

    /// <summary>Latent frames at the start that are kept. Published: 3.</summary>
    public required int SinkFrames { get; init; }

    /// <summary>A sink less similar than this to the new chunk is replaced; -1 never. Published: 0.2.</summary>
    public required double SinkThreshold { get; init; }
}

/// <summary>
/// Where each network's weights lie: a path below the model's weights folder, or <c>random:SEED</c> for weights that nobody has trained
/// yet.
/// </summary>
public sealed record WeightFiles
{
    public required string Dit { get; init; }

    public required string TextEncoder { get; init; }

    public required string Tokenizer { get; init; }

    /// <summary>Present exactly when the model offers this autoencoder.</summary>
    public string? Taehv { get; init; }

    /// <summary>Present exactly when the model offers this autoencoder.</summary>
    public string? Wan { get; init; }

    /// <summary>True, with the seed, for a value such as <c>random:1</c>.</summary>
    public static bool IsRandom(string value, out long seed)
    {
        seed = 0;
        return value.StartsWith("random:", StringComparison.Ordinal)
            && long.TryParse(value.AsSpan("random:".Length), System.Globalization.NumberStyles.AllowLeadingSign,
                System.Globalization.CultureInfo.InvariantCulture, out seed);
    }

    /// <summary>Every entry with its key in model.json.</summary>
    public IEnumerable<(string Key, string Value)> All()
    {
        yield return ("dit", Dit);
        yield return ("text_encoder", TextEncoder);
        yield return ("tokenizer", Tokenizer);
        if (Taehv is not null)
            yield return ("taehv", Taehv);
        if (Wan is not null)
            yield return ("wan", Wan);
    }
}
