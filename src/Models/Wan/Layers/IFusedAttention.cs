using static TorchSharp.torch;

namespace StreamDiff.Models.Wan.Layers;

/// <summary>What the new tokens of a block attend to, with own kernels: as <see cref="ISelfAttention"/>, from the projections on.</summary>
internal interface IFusedAttention
{
    /// <summary>
    /// Normalises and rotates queries and keys, compares the sinks, writes the cache, and attends to everything that is then valid.
    /// </summary>
    /// <param name="projections">Queries, keys and values, [rows * tokens, 3 * dim].</param>
    /// <param name="queryNorm">[dim].</param>
    /// <param name="keyNorm">[dim].</param>
    /// <param name="block">Index of the block in its range.</param>
    /// <returns>[rows * tokens, dim].</returns>
    Tensor Attend(Tensor projections, Tensor queryNorm, Tensor keyNorm, int block);

    /// <summary>Queries of cross-attention, [rows, tokens, heads, head_dim]; valid until the next ones.</summary>
    /// <param name="projections">[rows * tokens, dim].</param>
    /// <param name="norm">[dim].</param>
    Tensor Queries(Tensor projections, Tensor norm);
}
