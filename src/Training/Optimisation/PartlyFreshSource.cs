using StreamDiff.Models.Weights;
using TorchSharp;
using static TorchSharp.torch;

namespace StreamDiff.Training.Optimisation;

/// <summary>A checkpoint of which some weights are forgotten and start anew. Both sources stay the caller's.</summary>
/// <param name="kept">Where most weights come from.</param>
/// <param name="fresh">Where the others come from.</param>
/// <param name="forgotten">Parts of the names of those.</param>
internal sealed class PartlyFreshSource(IWeightSource kept, IWeightSource fresh, IReadOnlyList<string> forgotten) : IWeightSource
{
    public string Description => kept.Description;

    public IReadOnlyCollection<string> Names => [];

    public long[]? ShapeOf(string name, long[] wanted) => SourceOf(name).ShapeOf(name, wanted);

    public Tensor Read(string name, long[] shape, Device device, ScalarType type) => SourceOf(name).Read(name, shape, device, type);

    public void Dispose()
    {
    }

    private IWeightSource SourceOf(string name) => forgotten.Any(f => name.Contains(f, StringComparison.Ordinal)) ? fresh : kept;
}
