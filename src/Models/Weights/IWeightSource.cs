using TorchSharp;
using static TorchSharp.torch;

namespace StreamDiff.Models.Weights;

/// <summary>
/// Named tensors of a checkpoint, or made up by a seed. Disposing it ends every tensor that aliases its memory, unless <see cref="Hold"/>
/// keeps that.
/// </summary>
public interface IWeightSource : IDisposable
{
    /// <summary>For messages: the file, or how the weights were made.</summary>
    string Description { get; }

    /// <summary>Every name it holds; empty for a source that makes any tensor asked for.</summary>
    IReadOnlyCollection<string> Names { get; }

    /// <summary>
    /// Shape of a tensor, or null where it holds none of that name. A source that makes tensors answers with the shape wanted.
    /// </summary>
    long[]? ShapeOf(string name, long[] wanted);

    /// <summary>
    /// The tensor on a device in a type. The caller disposes it; it may alias the source's memory, so the source must outlive it.
    /// </summary>
    Tensor Read(string name, long[] shape, Device device, ScalarType type);

    /// <summary>
    /// True where read tensors are leaves of autograd: a network must compute with them and not with copies laid out in another way.
    /// </summary>
    bool AreLeaves => false;

    /// <summary>
    /// Keeps the memory that read tensors may alias until the result is disposed, even when the source is disposed before. Null where they
    /// own theirs.
    /// </summary>
    IDisposable? Hold() => null;
}
