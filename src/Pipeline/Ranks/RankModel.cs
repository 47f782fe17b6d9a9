using StreamDiff.Models.Loras;
using StreamDiff.Models.Wan;
using StreamDiff.Models.Wan.Layers;
using StreamDiff.Models.Weights;
using static TorchSharp.torch;

namespace StreamDiff.Pipeline.Ranks;

/// <summary>The transformer as a rank finds it: sizes, where its weights come from, and where it computes.</summary>
/// <param name="Config">Sizes of the whole network.</param>
/// <param name="Open">Opens the checkpoint; called for every loading.</param>
/// <param name="Device">Where this rank computes.</param>
/// <param name="Type">float32 or bfloat16.</param>
/// <param name="Loras">What is added to the weights; stays the caller's. Null for nothing.</param>
public sealed record RankModel(WanConfig Config, Func<IWeightSource> Open, Device Device, ScalarType Type, LoraSet? Loras = null)
{
    /// <summary>The blocks of a range, with embedding and head, which are small: any rank may become the first or the last.</summary>
    internal CausalWanModel Load(int start, int end)
    {
        using var weights = Open();
        return CausalWanModel.Load(Config, start..end, weights, Device, Type, bothEnds: true, Loras);
    }

    internal LoadedBlock LoadBlock(int block)
    {
        using var weights = Open();
        return CausalWanModel.LoadBlock(Config, block, weights, Device, Type, Loras);
    }

    /// <summary>Brings a model to another range of blocks; keeps what both have in common.</summary>
    internal static void Resize(CausalWanModel model, int start, int end, Func<int, LoadedBlock> load)
    {
        while (model.FirstBlock + model.BlockCount < end)
            model.Add(load(model.FirstBlock + model.BlockCount));
        while (model.FirstBlock > start)
            model.Add(load(model.FirstBlock - 1));
        while (model.FirstBlock + model.BlockCount > end)
            model.RemoveBlock(first: false);
        while (model.FirstBlock < start)
            model.RemoveBlock(first: true);
    }
}
