using StreamDiff.Models.Native;
using StreamDiff.Models.Weights;
using static TorchSharp.torch;

namespace StreamDiff.Models.Wan.Layers;

/// <summary>y = x W^T + b, with the weights taken as <c>weight</c> [out, in] and <c>bias</c> [out].</summary>
internal sealed class Linear
{
    private readonly Tensor _weight;
    private readonly Tensor _bias;

    public Linear(WeightLoader weights, long inFeatures, long outFeatures)
        : this(weights.Take("weight", outFeatures, inFeatures), weights.Take("bias", outFeatures))
    {
    }

    public Linear(Tensor weight, Tensor bias) => (_weight, _bias) = (weight, bias);

    public Tensor Forward(Tensor x) => Ops.Linear(x, _weight, _bias);

    /// <summary>GELU (by tanh) of it, without gradients; x is [tokens, in].</summary>
    public Tensor ForwardGelu(Tensor x) => Ops.LinearGelu(x, _weight, _bias);
}

/// <summary>
/// Layers that are given the same input. On CUDA their weights lie side by side in memory, so that all of them together are one product.
/// </summary>
internal sealed class SideBySide
{
    private readonly Tensor[] _weights;
    private readonly Tensor[] _biases;
    private readonly bool _areJoined;

    public SideBySide(WeightLoader weights, string[] names, long inFeatures, long outFeatures)
    {
        _weights = weights.TakeSideBySide([.. names.Select(n => $"{n}.weight")], outFeatures, inFeatures);
        _biases = weights.TakeSideBySide([.. names.Select(n => $"{n}.bias")], outFeatures);
        _areJoined = weights.JoinsSideBySide;
    }

    /// <summary>One of the layers by itself.</summary>
    public Linear Of(int layer) => new(_weights[layer], _biases[layer]);

    /// <summary>All of them, [..., layers * out]; without gradients.</summary>
    public Tensor Forward(Tensor x)
    {
        using var scope = NewDisposeScope();
        if (!_areJoined)
            return cat(_weights.Select((w, i) => Ops.Linear(x, w, _biases[i])).ToArray(), -1).MoveToOuterDisposeScope();
        var (rows, columns) = (_weights.Length * _weights[0].size(0), _weights[0].size(1));
        return Ops.Linear(x, _weights[0].as_strided([rows, columns], [columns, 1]), _biases[0].as_strided([rows], [1]))
            .MoveToOuterDisposeScope();
    }
}
