using StreamDiff.Models;
using StreamDiff.Models.Weights;
using TorchSharp;
using static TorchSharp.torch;

namespace StreamDiff.Training.Optimisation;

/// <summary>
/// Weights of networks in training: every tensor that a network asks for is a leaf of autograd whose memory lies in one long vector, so
/// that the optimiser needs a few operations on that vector instead of a few on each of hundreds of tensors.
/// </summary>
public sealed class TrainableWeights : IWeightSource, ITrainable
{
    private readonly IWeightSource _initial;
    private readonly Func<string, bool> _trains;
    private readonly Tensor _memory;
    private readonly Tensor _rounded;
    private readonly List<(string Name, Tensor Leaf, long Start)> _leaves = [];
    private readonly List<(string Name, long[] Shape)> _untrained = [];
    private string _prefix = "";
    private long _used;

    // A residual branch that starts quiet lets a deep network start as a shallow one.
    private const float BranchGain = 0.15f;

    /// <param name="initial">What they start from; stays the caller's.</param>
    /// <param name="capacity">Most elements there can be.</param>
    /// <param name="device">Where to train.</param>
    /// <param name="trains">True for the names that are trained; the others stay as they are and take no room. Null trains all.</param>
    public TrainableWeights(IWeightSource initial, long capacity, Device device, Func<string, bool>? trains = null)
    {
        _initial = initial;
        _trains = trains ?? (_ => true);
        _memory = zeros([capacity], device: device).DetachFromDisposeScope();
        _rounded = zeros([capacity], dtype: ScalarType.BFloat16, device: device).DetachFromDisposeScope();
    }

    public string Description => $"weights in training, from {_initial.Description}";

    public bool AreLeaves => true;

    public IReadOnlyCollection<string> Names => [];

    /// <summary>All weights one after the other, float32.</summary>
    public Tensor Vector => _memory.narrow(0, 0, _used);

    /// <summary>The leaves, in the order of the vector.</summary>
    public IList<Tensor> Leaves => [.. _leaves.Select(l => l.Leaf)];

    public Tensor Gradient(Tensor loss) =>
        cat([.. autograd.grad([loss], Leaves).Select(g => g.flatten().to_type(ScalarType.Float32))]);

    /// <summary>What is asked for from now on is stored below this name, so that several networks can be trained as one.</summary>
    public void Begin(string network) => _prefix = network + ".";

    public long[]? ShapeOf(string name, long[] wanted) => _initial.ShapeOf(name, wanted);

    public Tensor Read(string name, long[] shape, Device device, ScalarType type)
    {
        if (!_trains(name))
        {
            _untrained.Add((_prefix + name, shape));
            return _initial.Read(name, shape, device, type);
        }
        using var start = _initial.Read(name, shape, device, ScalarType.Float32);
        var count = start.numel();
        if (_used + count > _memory.numel())
            throw new InvalidOperationException($"more than {_memory.numel()} weights");
        var scaled = _initial is RandomWeightSource ? start.mul(Scalars.Of(GainOf(name))) : start;
        _memory.narrow(0, _used, count).copy_(scaled.flatten());
        var leaf = (type == ScalarType.Float32 ? _memory : _rounded).narrow(0, _used, count).view(shape).detach();
        leaf.requires_grad_(true);
        _leaves.Add((_prefix + name, leaf, _used));
        _used += count;
        return leaf;
    }

    /// <summary>Brings weights that a network asked for in bfloat16 up to date with the float32 ones, which are what is trained.</summary>
    public void Round() => _rounded.narrow(0, 0, _used).copy_(Vector);

    /// <summary>
    /// Another vector of the same layout as named tensors of one network; views. What is not trained comes from the start, in its type.
    /// </summary>
    public IEnumerable<KeyValuePair<string, Tensor>> Named(Tensor vector, string network)
    {
        foreach (var (name, shape) in _untrained.Where(u => u.Name.StartsWith(network + ".", StringComparison.Ordinal)))
            yield return new(name[(network.Length + 1)..], _initial.Read(name[(network.Length + 1)..], shape, CPU, vector.dtype));
        foreach (var (name, leaf, start) in _leaves.Where(l => l.Name.StartsWith(network + ".", StringComparison.Ordinal)))
            yield return new(name[(network.Length + 1)..], vector.narrow(0, start, leaf.numel()).view_as(leaf));
    }

    public void Dispose()
    {
        _memory.Dispose();
        _rounded.Dispose();
    }

    private static float GainOf(string name)
    {
        // T5's attention has no scale of its own; it starts with small queries instead.
        if (name.EndsWith(".attn.q.weight", StringComparison.Ordinal))
            return 0.125f;
        string[] ends = ["conv.4.weight", "self_attn.o.weight", "ffn.2.weight", "head.head.weight"];
        return ends.Any(e => name.EndsWith(e, StringComparison.Ordinal)) ? BranchGain : 1;
    }
}
