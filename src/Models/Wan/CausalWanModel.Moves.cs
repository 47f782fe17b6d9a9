using StreamDiff.Models.Loras;
using StreamDiff.Models.Wan.Layers;
using StreamDiff.Models.Weights;
using TorchSharp;
using static TorchSharp.torch;

namespace StreamDiff.Models.Wan;

/// <summary>Blocks that come and go at the ends of a range while its streams go on.</summary>
public sealed partial class CausalWanModel
{
    /// <summary>Loads one block that this range may take over; needs no place in it yet and may run on any thread.</summary>
    /// <param name="config">Sizes.</param>
    /// <param name="index">Index in the whole network.</param>
    /// <param name="source">The checkpoint; may be disposed afterwards.</param>
    /// <param name="device">Where to compute.</param>
    /// <param name="type">float32 or bfloat16.</param>
    /// <param name="loras">Those of the range that it may be taken into; null for none.</param>
    /// <exception cref="WeightsException">The checkpoint does not fit.</exception>
    public static LoadedBlock LoadBlock(
        WanConfig config, int index, IWeightSource source, Device device, ScalarType type, LoraSet? loras = null)
    {
        var loader = Loader(source, device, type, loras);
        var block = TakeBlock(config, loader, index, source, loras);
        loader.Allow(name => !name.StartsWith($"blocks.{index}.", StringComparison.Ordinal));
        return new LoadedBlock(index, block with { Memory = loader.Complete() });
    }

    /// <summary>Takes a block in at the end of the range that it continues. The model owns it from then on.</summary>
    /// <exception cref="ArgumentException">It does not touch the range.</exception>
    public void Add(LoadedBlock block)
    {
        // Whatever it was loaded with.
        if (_strengths is not null)
            block.Held.Live?.Use(_strengths);
        if (block.Index == FirstBlock + BlockCount)
            _blocks.Add(block.Held);
        else if (block.Index == FirstBlock - 1)
        {
            _blocks.Insert(0, block.Held);
            FirstBlock--;
        }
        else
            throw new ArgumentException(
                $"block {block.Index} does not touch blocks {FirstBlock} to {FirstBlock + BlockCount - 1}", nameof(block));
    }

    /// <summary>Lets the first or the last block go, and its memory.</summary>
    public void RemoveBlock(bool first)
    {
        if (BlockCount < 2)
            throw new InvalidOperationException("a range keeps one block at least");
        var held = _blocks[first ? 0 : ^1];
        _blocks.RemoveAt(first ? 0 : BlockCount - 1);
        if (first)
            FirstBlock++;
        held.Live?.Dispose();
        foreach (var tensor in held.Weights)
            tensor.Dispose();
        held.Memory?.Dispose();
    }

    private static HeldBlock TakeBlock(WanConfig config, WeightLoader loader, int index, IWeightSource source, LoraSet? loras)
    {
        var before = loader.Taken.Count;
        var block = new WanBlock(config, loader.In($"blocks.{index}"), index);
        return new HeldBlock(block, [.. loader.Taken.Skip(before)], null)
        {
            Live = loras is { IsLive: true } ? new LiveWeights(loras, NamedSince(before, loader), source) : null,
        };
    }

    private static long Bytes(Tensor tensor) => tensor.numel() * tensor.element_size();
}

/// <summary>A block's weights, ready to be taken into a range.</summary>
public sealed class LoadedBlock : IDisposable
{
    internal LoadedBlock(int index, HeldBlock held) => (Index, Held) = (index, held);

    /// <summary>Index in the whole network.</summary>
    public int Index { get; }

    internal HeldBlock Held { get; }

    /// <summary>For a block that was not taken in after all.</summary>
    public void Dispose()
    {
        Held.Live?.Dispose();
        Held.Memory?.Dispose();
    }
}

/// <param name="Block">The block.</param>
/// <param name="Weights">Its tensors.</param>
/// <param name="Memory">What owns them, for blocks that came later; null for those of the model's first loading.</param>
internal sealed record HeldBlock(WanBlock Block, IReadOnlyList<Tensor> Weights, WeightSet? Memory)
{
    /// <summary>Those that LoRAs change while the network runs; null for none.</summary>
    public LiveWeights? Live { get; init; }
}
