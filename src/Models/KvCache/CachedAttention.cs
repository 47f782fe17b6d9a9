using StreamDiff.Models.Wan;
using StreamDiff.Models.Wan.Layers;
using static TorchSharp.torch;

namespace StreamDiff.Models.KvCache;

/// <summary>Attention of one tick through the rolling caches: appends the chunk, then attends to everything valid.</summary>
internal sealed class CachedAttention : ISelfAttention
{
    private readonly KvCachePool _cache;
    private readonly TickPlan _plan;

    public CachedAttention(KvCachePool cache, TickPlan plan, Device device)
    {
        (_cache, _plan) = (cache, plan);
        var tensors = plan.Upload(device, cache.Geometry, cache.Rotation);
        if (plan.ChecksSinks)
            plan.Refreshes(tensors.ReadRefreshed);
    }

    public Tensor Attend(Tensor q, Tensor k, Tensor v, int block) =>
        _cache.Cache(block).Attend(q, k, v, _plan, block, _cache.TimeTurns);
}
