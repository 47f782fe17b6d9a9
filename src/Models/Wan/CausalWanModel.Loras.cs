using StreamDiff.Models.Loras;
using StreamDiff.Models.Wan.Layers;
using StreamDiff.Models.Weights;
using TorchSharp;
using static TorchSharp.torch;

namespace StreamDiff.Models.Wan;

/// <summary>LoRAs whose strengths change while streams go on.</summary>
public sealed partial class CausalWanModel
{
    private LiveWeights? _ends;
    private LoraStrengths? _strengths;
    // False before the first strengths, and where the last ones were brought to a part of the weights: memory of a device was exhausted.
    private bool _isLaid;

    /// <summary>
    /// What the weights are with; null where no strength can change. Keys, values and prompts that were computed before keep what they were
    /// computed with.
    /// </summary>
    public LoraStrengths? Strengths => _strengths;

    /// <summary>
    /// Every weight of the network with its shape, by the names of the public checkpoints: what LoRAs are matched to before anything is
    /// loaded.
    /// </summary>
    public static IReadOnlyDictionary<string, long[]> Shapes(WanConfig config)
    {
        var shapes = new OrderedDictionary<string, long[]>(StringComparer.Ordinal);
        long dim = config.Dim;
        shapes["patch_embedding.weight"] = [dim, config.InChannels, 1, 2, 2];
        shapes["patch_embedding.bias"] = [dim];
        Layer("text_embedding.0", config.TextDim, dim);
        Layer("text_embedding.2", dim, dim);
        Layer("time_embedding.0", config.FrequencyDim, dim);
        Layer("time_embedding.2", dim, dim);
        Layer("time_projection.1", dim, 6 * dim);
        for (var i = 0; i < config.Blocks; i++)
        {
            foreach (var attention in (string[])[$"blocks.{i}.self_attn", $"blocks.{i}.cross_attn"])
            {
                foreach (var part in (string[])["q", "k", "v", "o"])
                    Layer($"{attention}.{part}", dim, dim);
                shapes[$"{attention}.norm_q.weight"] = [dim];
                shapes[$"{attention}.norm_k.weight"] = [dim];
            }
            Layer($"blocks.{i}.ffn.0", dim, config.FfnDim);
            Layer($"blocks.{i}.ffn.2", config.FfnDim, dim);
            shapes[$"blocks.{i}.norm3.weight"] = [dim];
            shapes[$"blocks.{i}.norm3.bias"] = [dim];
            shapes[$"blocks.{i}.modulation"] = [1, 6, dim];
        }
        Layer("head.head", dim, 4L * config.OutChannels);
        shapes["head.modulation"] = [1, 2, dim];
        return shapes;

        void Layer(string name, long inFeatures, long outFeatures)
        {
            shapes[$"{name}.weight"] = [outFeatures, inFeatures];
            shapes[$"{name}.bias"] = [outFeatures];
        }
    }

    /// <summary>
    /// Brings the weights to strengths, where they are not there already; belongs to the thread of the ticks. Nothing waits for the device.
    /// </summary>
    /// <param name="strengths">Of all LoRAs; null for those that were asked for at loading.</param>
    /// <exception cref="InvalidOperationException">The model was loaded without LoRAs whose strengths can change.</exception>
    public void UseLoras(LoraStrengths? strengths)
    {
        if (_loras is null)
        {
            if (strengths is not null)
                throw new InvalidOperationException("no strength of this model can change");
            return;
        }
        var wanted = strengths ?? _loras.Strengths;
        if (_isLaid && wanted.Equals(_strengths))
            return;
        _isLaid = false;
        if (_ends!.Names.Any(n => n.StartsWith("time_", StringComparison.Ordinal)))
            _time.Changed();
        _ends.Use(wanted);
        foreach (var block in _blocks)
            block.Live!.Use(wanted);
        (_strengths, _isLaid) = (wanted, true);
    }

    private long LiveBytes => (_ends?.Bytes ?? 0) + _blocks.Sum(b => b.Live?.Bytes ?? 0);

    private void BeginLive(LoraSet loras, WeightLoader loader, IWeightSource source)
    {
        _ends = new LiveWeights(loras, NamedSince(0, loader).Where(n => !n.Name.StartsWith("blocks.", StringComparison.Ordinal)), source);
        UseLoras(null);
    }

    private void DisposeWeights()
    {
        _ends?.Dispose();
        foreach (var block in _blocks)
        {
            block.Live?.Dispose();
            block.Memory?.Dispose();
        }
        _weights.Dispose();
    }

    private static WeightLoader Loader(IWeightSource source, Device device, ScalarType type, LoraSet? loras) =>
        new(loras is null ? source : new LoraWeightSource(source, loras), device, type);

    private static IEnumerable<(string Name, Tensor Weight)> NamedSince(int before, WeightLoader loader) =>
        loader.TakenNames.Skip(before).Zip(loader.Taken.Skip(before));
}
