namespace StreamDiff.Scheduling.Placement;

/// <summary>Sizes of a causal video transformer and of the picture it works on: what its cost depends on.</summary>
public sealed record NetworkShape
{
    public required int Blocks { get; init; }

    public required int Dim { get; init; }

    public required int FfnDim { get; init; }

    public required int Heads { get; init; }

    /// <summary>Tokens of one latent frame, H/16 * W/16.</summary>
    public required int FrameTokens { get; init; }

    /// <summary>Latent frames in a chunk. Default 1, which is four pictures.</summary>
    public int LatentFrames { get; init; } = 1;

    /// <summary>Latent frames that the KV cache holds. Default 6.</summary>
    public int WindowFrames { get; init; } = 6;

    /// <summary>
    /// By block the share of the window that its heads hold on average, 0 to 1; null where all hold all of it. Default null.
    /// </summary>
    public IReadOnlyList<double>? CacheShares { get; init; }

    /// <summary>Denoising steps, rows of a tick. Default 2.</summary>
    public int Steps { get; init; } = 2;

    public int TextLength { get; init; } = 512;

    /// <summary>Bytes of a weight or an activation. Default 2, bfloat16.</summary>
    public int ElementBytes { get; init; } = 2;

    /// <summary>
    /// True where the weights of all blocks but the first and the last are a byte each (<c>--precision fp8</c>). Default false.
    /// </summary>
    public bool Float8 { get; init; }

    public int Tokens => FrameTokens * LatentFrames;

    public int PicturesPerTick => 4 * LatentFrames;

    /// <summary>Multiplications and additions of one block for one row.</summary>
    public double FlopsPerBlockAndRow
    {
        get
        {
            double t = Tokens, d = Dim;
            var projections = 6 * 2 * t * d * d;
            var attention = 4 * t * (CacheShares?.Average() ?? 1) * WindowFrames * FrameTokens * d + 4 * t * TextLength * d;
            return projections + attention + 4 * t * d * FfnDim;
        }
    }

    /// <summary>Weights of some blocks: two attentions of four projections and the feed-forward in each.</summary>
    /// <param name="first">First block.</param>
    /// <param name="count">How many.</param>
    public double WeightBytes(int first, int count)
    {
        var coarse = Float8 ? Math.Max(0, Math.Min(first + count, Blocks - 1) - Math.Max(first, 1)) : 0;
        return (coarse + (count - coarse) * (double)ElementBytes) * (8.0 * Dim * Dim + 2.0 * Dim * FfnDim);
    }

    /// <summary>Keys and values of all rows of some blocks, and the unrotated part of the keys that relative positions keep.</summary>
    /// <param name="first">First block.</param>
    /// <param name="count">How many.</param>
    public double CacheBytes(int first, int count)
    {
        var headDim = Dim / Heads;
        var timePart = (headDim - 4 * (headDim / 6)) / (double)headDim;
        var block = Steps * (double)WindowFrames * FrameTokens * Dim * ElementBytes * (2 + timePart);
        return block * (CacheShares?.Skip(first).Take(count).Sum() ?? count);
    }

    /// <summary>What one rank sends to the next in a tick: tokens, and the float32 latents that ride along.</summary>
    public double TickBytes => Steps * (double)Tokens * (Dim * ElementBytes + 16 * 4 * 4);
}
