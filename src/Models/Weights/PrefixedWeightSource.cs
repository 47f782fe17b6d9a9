using TorchSharp;
using static TorchSharp.torch;

namespace StreamDiff.Models.Weights;

/// <summary>Those tensors of another source whose names begin with a prefix, without it. The other source stays the caller's.</summary>
public sealed class PrefixedWeightSource(IWeightSource source, string prefix) : IWeightSource
{
    public string Description => $"{source.Description} ({prefix}*)";

    public IReadOnlyCollection<string> Names { get; } =
        [.. source.Names.Where(n => n.StartsWith(prefix, StringComparison.Ordinal)).Select(n => n[prefix.Length..])];

    public long[]? ShapeOf(string name, long[] wanted) => source.ShapeOf(prefix + name, wanted);

    public Tensor Read(string name, long[] shape, Device device, ScalarType type) => source.Read(prefix + name, shape, device, type);

    public IDisposable? Hold() => source.Hold();

    public void Dispose()
    {
    }
}
