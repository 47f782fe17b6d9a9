using StreamDiff.Models.Wan;
using StreamDiff.Models.Wan.Layers;
using static TorchSharp.torch;

namespace StreamDiff.Models.KvCache;

/// <summary>Attention of one tick through the rolling caches: appends the chunk, then attends to everything valid.</summary>
internal sealed class CachedAttention(KvCachePool cache, TickPlan plan) : ISelfAttention
{
    public Tensor Attend(Tensor q, Tensor k, Tensor v, int block) => cache.Cache(block).Attend(q, k, v, plan, block, cache.TimeTurns);
}
