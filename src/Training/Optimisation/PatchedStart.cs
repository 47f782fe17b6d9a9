using StreamDiff.Models;
using StreamDiff.Models.Weights;
using TorchSharp;
using static TorchSharp.torch;

namespace StreamDiff.Training.Optimisation;

/// <summary>
/// A TAEHV that took single pixels as the start of one that takes squares of two. Its first convolution becomes the one that sees what the
/// old one saw at the upper left pixel of a square; its last one gives all four pixels what the old one gave on even colour. From there
/// colours are there at once, which a network that starts from nothing learns last. Everything else is as it was.
/// </summary>
/// <param name="kept">The old one; stays the caller's.</param>
internal sealed class PatchedStart(IWeightSource kept) : IWeightSource
{
    private const int Side = 2;

    public string Description => kept.Description;

    public IReadOnlyCollection<string> Names => [];

    public long[]? ShapeOf(string name, long[] wanted) => IsPatched(name, wanted, out _) ? wanted : kept.ShapeOf(name, wanted);

    public Tensor Read(string name, long[] shape, Device device, ScalarType type)
    {
        if (!IsPatched(name, shape, out var old))
            return kept.Read(name, shape, device, type);
        using var scope = NewDisposeScope();
        var from = kept.Read(name, old, CPU, ScalarType.Float32);
        var made = zeros(shape);
        if (name == "encoder.0.weight")
            for (var dy = -1; dy <= 1; dy++)
                for (var dx = -1; dx <= 1; dx++)
                    for (var colour = 0; colour < 3; colour++)
                        Plane(made, 1, colour * Side * Side + (dy & 1) * Side + (dx & 1), (dy < 0 ? 0 : 1), dx < 0 ? 0 : 1)
                            .copy_(Plane(from, 1, colour, dy + 1, dx + 1));
        else
            for (var channel = 0; channel < 3 * Side * Side; channel++)
                if (shape.Length == 1)
                    made[channel] = from[channel / (Side * Side)];
                else
                    made[channel].narrow(0, 0, old[1]).select(1, 1).select(1, 1).copy_(from[channel / (Side * Side)].sum([1, 2]));
        return made.to(type, device).MoveToOuterDisposeScope();
    }

    public void Dispose()
    {
    }

    private static Tensor Plane(Tensor kernels, int dimension, long channel, long row, long column) =>
        kernels.select(dimension, channel).select(1, row).select(1, column);

    private bool IsPatched(string name, long[] wanted, out long[] old)
    {
        old = kept.ShapeOf(name, wanted) ?? [];
        return name == "encoder.0.weight" && old.Length == 4 && wanted[1] == old[1] * Side * Side && wanted[0] == old[0]
            || name.StartsWith("decoder.22.", StringComparison.Ordinal) && old.Length > 0 && wanted[0] == old[0] * Side * Side;
    }
}
