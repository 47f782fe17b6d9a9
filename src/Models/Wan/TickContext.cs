using StreamDiff.Models.KvCache;
using static TorchSharp.torch;

namespace StreamDiff.Models.Wan;

/// <summary>What all blocks of one tick share.</summary>
/// <param name="Cache">Pool that the rows' lanes lie in.</param>
/// <param name="Plan">What is written where.</param>
/// <param name="Modulation">float32 [rows, 1, 6, dim].</param>
/// <param name="QueryTurns">Rotations of new queries, complex64 [rows or 1, tokens, 1, head_dim/2].</param>
/// <param name="KeyTurns">Rotations of new keys as they are stored.</param>
internal sealed record TickContext(KvCachePool Cache, TickPlan Plan, Tensor Modulation, Tensor QueryTurns, Tensor KeyTurns);
