using StreamDiff.Models.Weights;
using TorchSharp;
using static TorchSharp.torch;

namespace StreamDiff.Training.Optimisation;

/// <summary>
/// A checkpoint of which some weights are forgotten and start anew. One that is to be larger than it was keeps what it has in its first
/// rows and columns; the rest starts anew. Both sources stay the caller's.
/// </summary>
/// <param name="kept">Where most weights come from.</param>
/// <param name="fresh">Where the others come from.</param>
/// <param name="forgotten">Parts of the names of those.</param>
internal sealed class PartlyFreshSource(IWeightSource kept, IWeightSource fresh, IReadOnlyList<string> forgotten) : IWeightSource
{
    public string Description => kept.Description;

    public IReadOnlyCollection<string> Names => [];

    public long[]? ShapeOf(string name, long[] wanted) =>
        KeptShape(name, wanted) is { } shape && shape.Length == wanted.Length ? wanted : SourceOf(name).ShapeOf(name, wanted);

    public Tensor Read(string name, long[] shape, Device device, ScalarType type)
    {
        if (KeptShape(name, shape) is not { } old || old.SequenceEqual(shape) || old.Length != shape.Length)
            return SourceOf(name).Read(name, shape, device, type);
        var grown = fresh.Read(name, shape, device, type);
        using var scope = NewDisposeScope();
        var (from, to) = (kept.Read(name, old, device, type), grown);
        for (var dimension = 0; dimension < shape.Length; dimension++)
        {
            var common = Math.Min(old[dimension], shape[dimension]);
            (from, to) = (from.narrow(dimension, 0, common), to.narrow(dimension, 0, common));
        }
        to.copy_(from);
        return grown;
    }

    public void Dispose()
    {
    }

    private long[]? KeptShape(string name, long[] wanted) => IsForgotten(name) ? null : kept.ShapeOf(name, wanted);

    private IWeightSource SourceOf(string name) => IsForgotten(name) ? fresh : kept;

    private bool IsForgotten(string name) => forgotten.Any(f => name.Contains(f, StringComparison.Ordinal));
}
