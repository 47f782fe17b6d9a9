using static TorchSharp.torch;

namespace StreamDiff.Models.Wan.Layers;

/// <summary>
/// What the new tokens of a block attend to: a rolling cache while streaming, the frames of the same clip while training.
/// </summary>
internal interface ISelfAttention
{
    /// <param name="q">[rows, tokens, heads, head_dim], rotated.</param>
    /// <param name="k">Same shape; rotated in space only where keys get their rotation in time when they are read.</param>
    /// <param name="v">Same shape.</param>
    /// <param name="block">Index of the block in its range.</param>
    /// <returns>[rows, tokens, heads * head_dim].</returns>
    Tensor Attend(Tensor q, Tensor k, Tensor v, int block);
}
