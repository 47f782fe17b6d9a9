using StreamDiff.Models.KvCache;
using StreamDiff.Models.Wan.Layers;
using static TorchSharp.torch;

namespace StreamDiff.Models.Wan;

/// <summary>What attention heads lose where they see less than the window.</summary>
public sealed partial class CausalWanModel
{
    /// <summary>
    /// Looks at the ticks of <see cref="Forward"/>, which then take operators of ATen; null for none. For a model that holds all blocks,
    /// whose heads are not split, and for streams with relative positions whose sinks do not adapt.
    /// </summary>
    public HeadProbe? Probe { get; set; }

    private Tensor Probed(HeadProbe probe, Tensor latents, Tick tick, KvCachePool cache)
    {
        using var scope = NewDisposeScope();
        var tokens = Embed(latents);
        var plan = cache.Plan(tick.Rows, (int)tokens.size(1));
        Tensor flow;
        try
        {
            if (plan.ChecksSinks || cache.Rotation != KeyRotation.Relative || Config.HeadSplit is not null)
                throw new ModelException("heads are measured with relative positions, sinks that do not adapt, and none split");
            var (_, modulation) = _time.Forward(tick.Timesteps);
            var prompts = new RowPrompts(tick.Prompts);
            var (queryTurns, keyTurns) = Turns(tick, cache, Array.ConvertAll(plan.Steps, step => FirstFrame(tick, cache, step)));
            var whole = new CachedAttention(cache, plan, Device);
            Tensor Through(Tensor x, ISelfAttention attention, int block) =>
                _blocks[block].Block.Forward(x.clone(), new TickContext(attention, modulation, queryTurns, keyTurns), block, prompts);

            var inputs = new List<Tensor> { tokens };
            for (var block = 0; block < _blocks.Count; block++)
                inputs.Add(Through(inputs[block], whole, block));
            flow = Head(inputs[^1], tick);
            if (probe.Wants(plan))
            {
                for (var block = 0; block < _blocks.Count; block++)
                    for (var head = 0; head < Config.Heads; head++)
                    {
                        using var ofHead = NewDisposeScope();
                        var x = Through(inputs[block], probe.Streaming(whole, cache, plan, head), block);
                        for (var after = block + 1; after < _blocks.Count; after++)
                            x = Through(x, whole, after);
                        probe.Add(block, head, flow, Head(x, tick));
                    }
                // The caches hold what the last head made of them: once more as it was.
                for (var block = 0; block < _blocks.Count; block++)
                    Through(inputs[block], whole, block);
                probe.Done();
            }
        }
        catch
        {
            cache.Withdraw(plan);
            throw;
        }
        cache.Commit(plan);
        return flow.MoveToOuterDisposeScope();
    }
}
