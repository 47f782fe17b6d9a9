using StreamDiff.Models.Weights;
using TorchSharp;
using static TorchSharp.torch;

namespace StreamDiff.Models.Loras;

/// <summary>
/// A checkpoint seen through LoRAs: what they touch comes in memory of its own, merged with their strengths, or, where strengths may
/// change later, as it is in the checkpoint and fit to be overwritten. The checkpoint stays the caller's.
/// </summary>
public sealed class LoraWeightSource(IWeightSource source, LoraSet loras) : IWeightSource
{
    private readonly LoraStrengths _strengths = loras.Strengths;

    public string Description => source.Description;

    public IReadOnlyCollection<string> Names => source.Names;

    public long[]? ShapeOf(string name, long[] wanted) => source.ShapeOf(name, wanted);

    public Tensor Read(string name, long[] shape, Device device, ScalarType type)
    {
        var read = source.Read(name, shape, device, type);
        if (!loras.Touches(name) || (!loras.IsLive && loras.Loras.Where(l => l.Touches(name)).All(l => l.Choice.Strength == 0)))
            return read;
        // What is read may be the file itself.
        using (read)
        {
            var own = read.clone();
            if (!loras.IsLive)
                loras.Apply(own, read, name, _strengths);
            return own;
        }
    }

    public IDisposable? Hold() => source.Hold();

    public void Dispose()
    {
    }
}
