using static TorchSharp.torch;

namespace StreamDiff.Models.Wan.Layers;

/// <summary>What all blocks of one tick share.</summary>
/// <param name="Attention">Where keys and values go, and what is attended to.</param>
/// <param name="Modulation">float32 [rows, 1, 6, dim].</param>
/// <param name="QueryTurns">Rotations of new queries, complex64 [rows or 1, tokens, 1, head_dim/2].</param>
/// <param name="KeyTurns">Rotations of new keys as they are stored.</param>
internal sealed record TickContext(ISelfAttention Attention, Tensor Modulation, Tensor QueryTurns, Tensor KeyTurns);
