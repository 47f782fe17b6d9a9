using StreamDiff.Models;
using StreamDiff.Training.Styles;
using TorchSharp;
using static TorchSharp.torch;

namespace StreamDiff.Training.Evaluation;

/// <summary>
/// Where each block of a clip's frames came from in the frame before, by matching blocks of brightness. Estimated on the input, it takes
/// the motion out of the differences of what was made of that input: what remains is flicker.
/// </summary>
internal sealed class MotionField : IDisposable
{
    private const int Reach = 7;
    // Blocks that match nothing (uncovered, blinking, cut) say nothing about flicker. Mean absolute difference of brightness.
    private const float WorstMatch = 0.02f;

    private readonly Tensor _source;
    private readonly Tensor _trusted;

    /// <param name="clip">The input, [frames, 3, H, W] in [0, 1].</param>
    public MotionField(Tensor clip)
    {
        using var scope = NewDisposeScope();
        var pairs = clip.size(0) - 1;
        var (source, cost) = BlockMatching.Match(clip.narrow(0, 1, pairs), clip.narrow(0, 0, pairs), Reach);
        _source = source.DetachFromDisposeScope();
        _trusted = cost.lt(Scalars.Of(WorstMatch)).to_type(ScalarType.Float32).DetachFromDisposeScope();
    }

    /// <summary>Share of the picture whose motion was found.</summary>
    public double Share => _trusted.mean().item<float>();

    /// <summary>Mean absolute difference of neighbouring frames after the input's motion has been taken out, where it was found.</summary>
    /// <param name="clip">[frames, 3, H, W] in [0, 1], of the input's size.</param>
    public double Flicker(Tensor clip)
    {
        using var scope = NewDisposeScope();
        var pairs = _source.size(0);
        var change = BlockMatching.Change(clip.narrow(0, 1, pairs), clip.narrow(0, 0, pairs), _source);
        return change.abs().mean([1]).mul(_trusted).sum().div(_trusted.sum().clamp(min: Scalars.One)).item<float>();
    }

    public void Dispose()
    {
        _source.Dispose();
        _trusted.Dispose();
    }
}
