using StreamDiff.Models.Weights;
using TorchSharp;
using static TorchSharp.torch;

namespace StreamDiff.Models.Loras;

/// <summary>
/// Weights of a network whose LoRAs' strengths change while it runs. They are overwritten where they lie, so that products over several of
/// them and recorded graphs read the new ones; each is computed from its base, which is kept: nothing adds up. The work is issued to the
/// device and not waited for.
/// </summary>
internal sealed class LiveWeights : IDisposable
{
    private readonly LoraSet _loras;
    private readonly List<(string Name, Tensor Weight, Tensor Base)> _weights = [];
    private LoraStrengths? _now;

    /// <param name="loras">Stays the caller's, and must outlive this.</param>
    /// <param name="taken">Weights by name as the network holds them, without LoRAs; only those that LoRAs touch are kept.</param>
    /// <param name="source">Where they were read; on the CPU their bases are its memory where the types are one.</param>
    public LiveWeights(LoraSet loras, IEnumerable<(string Name, Tensor Weight)> taken, IWeightSource source)
    {
        _loras = loras;
        // What is missing or wrongly shaped is told when the loading is completed.
        foreach (var (name, weight) in taken.Where(t => loras.Touches(t.Name)))
            if (source.ShapeOf(name, weight.shape) is { } shape && shape.AsSpan().SequenceEqual(weight.shape))
                _weights.Add((name, weight, BaseOf(name, weight, source).DetachFromDisposeScope()));
        Names = [.. _weights.Select(w => w.Name)];
    }

    /// <summary>Names of the weights that change.</summary>
    public IReadOnlyList<string> Names { get; }

    /// <summary>Memory of the bases, in bytes; on the CPU part of it may be a mapped file.</summary>
    public long Bytes => _weights.Sum(w => w.Base.numel() * w.Base.element_size());

    /// <summary>Brings all of them to strengths. Where that fails, the next call computes all of them anew.</summary>
    public void Use(LoraStrengths strengths)
    {
        var before = _now;
        _now = null;
        foreach (var (name, weight, original) in _weights)
            if (before is null || _loras.Differs(name, before, strengths))
                _loras.Apply(weight, original, name, strengths);
        _now = strengths;
    }

    public void Dispose()
    {
        foreach (var (_, _, original) in _weights)
            original.Dispose();
        _weights.Clear();
    }

    // A device's memory is not filled twice over the bus.
    private static Tensor BaseOf(string name, Tensor weight, IWeightSource source) => weight.device_type == DeviceType.CPU
        ? source.Read(name, weight.shape, CPU, weight.dtype)
        : weight.clone();
}
