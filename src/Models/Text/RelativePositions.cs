using StreamDiff.Models.Weights;
using static TorchSharp.torch;

namespace StreamDiff.Models.Text;

/// <summary>
/// T5's relative position bias, both directions: half of the buckets for each sign, half of those for single distances, the rest growing
/// logarithmically up to a distance of 128.
/// </summary>
internal sealed class RelativePositions(Umt5Config config, WeightLoader weights)
{
    private const int FarthestDistance = 128;
    private readonly Tensor _embedding = weights.Take("embedding.weight", config.Buckets, config.Heads);

    /// <summary>[1, heads, tokens, tokens].</summary>
    public Tensor Bias(long tokens)
    {
        using var scope = NewDisposeScope();
        var buckets = new long[tokens * tokens];
        for (var query = 0; query < tokens; query++)
            for (var key = 0; key < tokens; key++)
                buckets[query * tokens + key] = Bucket(key - query);
        var index = tensor(buckets, device: _embedding.device);
        return _embedding.index_select(0, index).view(tokens, tokens, config.Heads).permute(2, 0, 1).unsqueeze(0).contiguous()
            .MoveToOuterDisposeScope();
    }

    private long Bucket(int relative)
    {
        var half = config.Buckets / 2;
        var offset = relative > 0 ? half : 0;
        var distance = Math.Abs(relative);
        var exact = half / 2;
        if (distance < exact)
            return offset + distance;
        // In float32, as the published code: at a bucket's edge the rounding decides.
        var growth = MathF.Log((float)distance / exact) / (float)Math.Log((double)FarthestDistance / exact) * (half - exact);
        return offset + Math.Min(exact + (int)growth, half - 1);
    }
}
