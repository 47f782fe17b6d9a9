namespace StreamDiff.Models.KvCache;

/// <summary>Sizes of a rolling KV cache. Frames are latent frames, tokens are tokens of the transformer.</summary>
/// <param name="FrameTokens">Tokens of one latent frame, L = (H/16) * (W/16).</param>
/// <param name="WindowFrames">Capacity, sinks included. Published default 6, fast 5, text-to-video 21.</param>
/// <param name="SinkFrames">Frames at the start that the rolling part never overwrites. Published default 3, fast 2, text-to-video
/// 0.</param>
/// <param name="SinkThreshold">A sink whose similarity to the new chunk falls below this is replaced; -1 never. Published default
/// 0.2.</param>
public readonly record struct CacheGeometry(int FrameTokens, int WindowFrames, int SinkFrames, double SinkThreshold)
{
    public int Capacity => WindowFrames * FrameTokens;

    public int SinkTokens => SinkFrames * FrameTokens;

    /// <summary>True when sinks are compared with new chunks at all.</summary>
    public bool Adaptive => SinkFrames > 0 && SinkThreshold > -1;

    /// <exception cref="ModelException">The sizes contradict each other.</exception>
    public CacheGeometry Checked()
    {
        if (FrameTokens < 1 || WindowFrames < 1 || SinkFrames < 0)
            throw new ModelException(
                $"the KV cache needs at least one frame of one token and no negative sink count (window {WindowFrames}, sinks "
                    + $"{SinkFrames})");
        if (WindowFrames > short.MaxValue)
            throw new ModelException($"a KV cache window of {WindowFrames} latent frames is more than {short.MaxValue}");
        if (SinkFrames >= WindowFrames)
            throw new ModelException(
                $"the KV cache has {SinkFrames} sink frames in a window of {WindowFrames}: at least one frame must be free to roll");
        return this;
    }
}
