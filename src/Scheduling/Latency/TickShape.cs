namespace StreamDiff.Scheduling.Latency;

/// <summary>What a pass through the transformer costs depends on.</summary>
/// <param name="Lanes">Rows: chunks at a step, of any streams.</param>
/// <param name="LatentFrames">Latent frames of each row.</param>
/// <param name="FrameTokens">Tokens of a latent frame, H/16 * W/16.</param>
/// <param name="CachedFrames">Latent frames that a row looks back on, the new ones not counted.</param>
public readonly record struct TickShape(int Lanes, int LatentFrames, int FrameTokens, int CachedFrames)
{
    /// <summary>Tokens that go through the blocks.</summary>
    public long Tokens => (long)Lanes * LatentFrames * FrameTokens;

    /// <summary>Pairs of queries and keys in self-attention.</summary>
    public double Pairs => (double)Tokens * (CachedFrames + LatentFrames) * FrameTokens;

    /// <summary>Cached tokens that are read.</summary>
    public long Cached => (long)Lanes * CachedFrames * FrameTokens;
}
