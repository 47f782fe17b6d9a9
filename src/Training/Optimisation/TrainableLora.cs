using StreamDiff.Models;
using StreamDiff.Models.Weights;
using TorchSharp;
using static TorchSharp.torch;

namespace StreamDiff.Training.Optimisation;

/// <summary>
/// A LoRA in training: a transformer's weights as they are, plus low-rank products, which are what is trained. The network sees leaves of
/// autograd that hold the sums; a gradient by such a sum is one by both factors.
/// </summary>
public sealed class TrainableLora : IWeightSource, ITrainable
{
    private static readonly string[] Layers =
    [
        "attn.q.weight", "attn.k.weight", "attn.v.weight", "attn.o.weight", "ffn.0.weight", "ffn.2.weight",
    ];

    private readonly IWeightSource _source;
    private readonly int _rank;
    private readonly Tensor _memory;
    private readonly List<Layer> _layers = [];
    private long _used;

    /// <param name="source">The transformer's checkpoint; stays the caller's.</param>
    /// <param name="rank">Of each product.</param>
    /// <param name="capacity">Most numbers that there can be.</param>
    public TrainableLora(IWeightSource source, int rank, long capacity)
    {
        (_source, _rank) = (source, rank);
        _memory = zeros([capacity]).DetachFromDisposeScope();
    }

    public string Description => $"a LoRA in training on {_source.Description}";

    public bool AreLeaves => true;

    public IReadOnlyCollection<string> Names => _source.Names;

    public Tensor Vector => _memory.narrow(0, 0, _used);

    public long[]? ShapeOf(string name, long[] wanted) => _source.ShapeOf(name, wanted);

    /// <summary>A weight of the network, on the CPU in float32; one that is trained is a leaf.</summary>
    public Tensor Read(string name, long[] shape, Device device, ScalarType type)
    {
        using var stored = _source.Read(name, shape, CPU, ScalarType.Float32);
        var leaf = stored.clone();
        if (shape.Length != 2 || !name.StartsWith("blocks.", StringComparison.Ordinal)
            || !Layers.Any(l => name.EndsWith(l, StringComparison.Ordinal)))
            return leaf;
        var (down, up) = (Take([_rank, shape[1]]), Take([shape[0], _rank]));
        // The product begins as nothing, and moves by the second factor first.
        down.normal_(0, 1 / Math.Sqrt(shape[1]));
        leaf.requires_grad_(true);
        _layers.Add(new Layer(name[..^".weight".Length], leaf, stored.clone().DetachFromDisposeScope(), down, up));
        return leaf;
    }

    public Tensor Gradient(Tensor loss)
    {
        var sums = autograd.grad([loss], [.. _layers.Select(l => l.Leaf)]);
        using var quiet = no_grad();
        return cat([.. _layers.SelectMany((l, i) => new[]
        {
            l.Up.t().matmul(sums[i]).flatten(), sums[i].matmul(l.Down.t()).flatten(),
        })]);
    }

    public void Round()
    {
        using var scope = NewDisposeScope();
        using var quiet = no_grad();
        foreach (var layer in _layers)
            layer.Leaf.copy_(layer.Up.matmul(layer.Down).add_(layer.Base, Scalars.One));
    }

    /// <summary>Another vector of the same layout as a LoRA in the names of ComfyUI, bfloat16.</summary>
    public IEnumerable<KeyValuePair<string, Tensor>> Named(Tensor vector)
    {
        var at = 0L;
        foreach (var layer in _layers)
        {
            yield return new($"diffusion_model.{layer.Name}.lora_A.weight", Next(layer.Down));
            yield return new($"diffusion_model.{layer.Name}.lora_B.weight", Next(layer.Up));
        }

        Tensor Next(Tensor like)
        {
            var part = vector.narrow(0, at, like.numel()).view_as(like).to_type(ScalarType.BFloat16);
            at += like.numel();
            return part;
        }
    }

    public void Dispose()
    {
        foreach (var layer in _layers)
            layer.Dispose();
        _memory.Dispose();
    }

    private Tensor Take(long[] shape)
    {
        var count = shape[0] * shape[1];
        if (_used + count > _memory.numel())
            throw new InvalidOperationException($"more than {_memory.numel()} numbers");
        var taken = _memory.narrow(0, _used, count).view(shape).DetachFromDisposeScope();
        _used += count;
        return taken;
    }

    private sealed record Layer(string Name, Tensor Leaf, Tensor Base, Tensor Down, Tensor Up) : IDisposable
    {
        public void Dispose()
        {
            Base.Dispose();
            Down.Dispose();
            Up.Dispose();
        }
    }
}
