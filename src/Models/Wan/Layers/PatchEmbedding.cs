using StreamDiff.Models.Weights;
using static TorchSharp.torch;

namespace StreamDiff.Models.Wan.Layers;

/// <summary>
/// Latents to tokens in (frame, row, column) order: a convolution with kernel = stride = (1, 2, 2), done as one matrix product.
/// </summary>
internal sealed class PatchEmbedding
{
    private readonly WanConfig _config;
    private readonly Tensor _weight;
    private readonly Tensor _bias;

    public PatchEmbedding(WanConfig config, WeightLoader weights)
    {
        _config = config;
        _weight = weights.Take("weight", config.Dim, config.InChannels, 1, 2, 2);
        _bias = weights.Take("bias", config.Dim);
    }

    /// <summary>[rows, frames, channels, h, w] -> [rows, frames * h/2 * w/2, dim].</summary>
    public Tensor Forward(Tensor latents)
    {
        using var scope = NewDisposeScope();
        var (rows, frames, height, width) = (latents.size(0), latents.size(1), latents.size(3) / 2, latents.size(4) / 2);
        var patches = latents.to_type(_weight.dtype)
            .view(rows, frames, _config.InChannels, height, 2, width, 2)
            .permute(0, 1, 3, 5, 2, 4, 6)
            .reshape(rows, frames * height * width, _config.InChannels * 4L);
        return Native.Ops.Linear(patches, _weight.view(_config.Dim, -1), _bias).MoveToOuterDisposeScope();
    }
}
