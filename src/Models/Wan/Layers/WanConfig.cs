namespace StreamDiff.Models.Wan.Layers;

/// <summary>
/// Sizes of a causal Wan 2.1 transformer. Patches are (1, 2, 2), queries and keys are normalised, cross-attention has a norm of its own.
/// </summary>
public sealed record WanConfig
{
    public required int Dim { get; init; }

    public required int FfnDim { get; init; }

    public required int Heads { get; init; }

    public required int Blocks { get; init; }

    /// <summary>Latent channels in. Default 16.</summary>
    public int InChannels { get; init; } = 16;

    /// <summary>Latent channels out. Default 16.</summary>
    public int OutChannels { get; init; } = 16;

    /// <summary>Width of the prompt embeddings. Default 4096 (UMT5-XXL).</summary>
    public int TextDim { get; init; } = 4096;

    /// <summary>Prompt tokens, padding included. Default 512.</summary>
    public int TextLength { get; init; } = 512;

    /// <summary>Width of the sinusoidal time embedding. Default 256.</summary>
    public int FrequencyDim { get; init; } = 256;

    public double Epsilon { get; init; } = 1e-6;

    /// <summary>
    /// Weights of the blocks' products, and what is multiplied with them, in float8 (see <see cref="Weights.Float8Rows"/>); all but those
    /// of the first and of the last block, whose errors are seen most. Modulation, norms and attention stay as they are. Default false.
    /// </summary>
    public bool Float8 { get; init; }

    /// <summary>Which heads look back on the whole window; null where all do. Default null.</summary>
    public HeadSplit? HeadSplit { get; init; }

    public int HeadDim => Dim / Heads;

    /// <summary>True where a block computes its products in float8.</summary>
    /// <param name="block">Index in the whole network.</param>
    public bool IsInFloat8(int block) => Float8 && block > 0 && block < Blocks - 1;

    // What CUDA's products of that type ask for.
    private const int Float8Multiple = 16;

    /// <summary>Wan2.1-T2V-1.3B.</summary>
    public static WanConfig Wan1B3 { get; } = new() { Dim = 1536, FfnDim = 8960, Heads = 12, Blocks = 30 };

    /// <summary>Wan2.1-T2V-14B.</summary>
    public static WanConfig Wan14B { get; } = new() { Dim = 5120, FfnDim = 13824, Heads = 40, Blocks = 40 };

    /// <exception cref="ModelException">The sizes contradict each other.</exception>
    public WanConfig Checked()
    {
        if (Dim < 1 || Heads < 1 || Blocks < 1 || Dim % Heads != 0 || HeadDim % 2 != 0 || FrequencyDim % 2 != 0)
            throw new ModelException(
                $"the transformer's sizes contradict each other: dim {Dim}, heads {Heads}, blocks {Blocks}, freq_dim {FrequencyDim}");
        if (Float8 && (Dim % Float8Multiple != 0 || FfnDim % Float8Multiple != 0))
            throw new ModelException(
                $"products in float8 need widths that are multiples of {Float8Multiple}; this transformer's are {Dim} and {FfnDim}");
        if (HeadSplit is { } split && (split.Retrieval.Count != Blocks || split.SinkFrames < 0 || split.RecentFrames < 1
            || split.WindowFrames < split.SinkFrames + split.RecentFrames
            || split.Retrieval.Any(heads => heads.Any(h => h < 0 || h >= Heads) || heads.Zip(heads.Skip(1)).Any(p => p.First >= p.Second))))
            throw new ModelException($"a split of heads is none of {Blocks} blocks of {Heads} heads");
        return this;
    }
}
