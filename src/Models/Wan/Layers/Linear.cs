using StreamDiff.Models.Native;
using StreamDiff.Models.Weights;
using static TorchSharp.torch;

namespace StreamDiff.Models.Wan.Layers;

/// <summary>y = x W^T + b, with the weights taken as <c>weight</c> [out, in] and <c>bias</c> [out].</summary>
internal sealed class Linear
{
    private readonly Tensor _weight;
    private readonly Tensor _bias;
    private readonly Tensor? _scales;

    /// <param name="weights">Where they are taken from.</param>
    /// <param name="inFeatures">Width of what goes in.</param>
    /// <param name="outFeatures">Width of what comes out.</param>
    /// <param name="inFloat8">Weights, and what is multiplied with them, in float8.</param>
    public Linear(WeightLoader weights, long inFeatures, long outFeatures, bool inFloat8 = false)
    {
        if (inFloat8)
            (_weight, _scales) = weights.TakeFloat8(["weight"], outFeatures, inFeatures)[0];
        else
            _weight = weights.Take("weight", outFeatures, inFeatures);
        _bias = weights.Take("bias", outFeatures);
    }

    public Linear(Tensor weight, Tensor bias, Tensor? scales = null) => (_weight, _bias, _scales) = (weight, bias, scales);

    public Tensor Forward(Tensor x)
    {
        if (_scales is null)
            return Ops.Linear(x, _weight, _bias);
        using var scope = NewDisposeScope();
        var rows = Float8Rows.Of(x.reshape(-1, x.size(-1)));
        return Forward(new LayerInput(rows.Values, rows.Scales), x.dtype).view([.. x.shape.AsSpan(0, x.shape.Length - 1), _bias.size(0)])
            .MoveToOuterDisposeScope();
    }

    /// <summary>Of what own kernels have made ready; without gradients.</summary>
    /// <param name="x">[tokens, in].</param>
    /// <param name="type">Of the result.</param>
    public Tensor Forward(LayerInput x, ScalarType type) => x.Scales is { } scales
        ? Ops.Float8Linear(x.Values, scales, _weight, _scales!, _bias, type)
        : Forward(x.Values);

    /// <summary>This layer and those that lie behind it in memory as one, for the caller's dispose scope.</summary>
    /// <param name="layers">How many.</param>
    public Linear With(int layers)
    {
        return new Linear(Longer(_weight), Longer(_bias), _scales is null ? null : Longer(_scales));

        Tensor Longer(Tensor first) => first.as_strided([layers * first.size(0), .. first.shape.AsSpan(1)], first.stride());
    }

    /// <summary>GELU (by tanh) of it, without gradients; x is [tokens, in].</summary>
    public Tensor ForwardGelu(Tensor x) => Ops.LinearGelu(x, _weight, _bias);
}

/// <summary>What layers are given: as it is, or in float8 with a scale for each token, for layers with weights in float8.</summary>
/// <param name="Values">[tokens, in].</param>
/// <param name="Scales">float32 [tokens, 1]; null where the values are not float8.</param>
internal readonly record struct LayerInput(Tensor Values, Tensor? Scales)
{
    public static implicit operator LayerInput(Tensor values) => new(values, null);
}

/// <summary>
/// Layers that are given the same input. On CUDA their weights lie side by side in memory, so that all of them together are one product.
/// </summary>
internal sealed class SideBySide
{
    private readonly Linear[] _layers;
    private readonly bool _areJoined;

    public SideBySide(WeightLoader weights, string[] names, long inFeatures, long outFeatures, bool inFloat8)
    {
        string[] kernels = [.. names.Select(n => $"{n}.weight")];
        var scaled = inFloat8 ? weights.TakeFloat8(kernels, outFeatures, inFeatures) : null;
        var plain = inFloat8 ? null : weights.TakeSideBySide(kernels, outFeatures, inFeatures);
        var biases = weights.TakeSideBySide([.. names.Select(n => $"{n}.bias")], outFeatures);
        _layers = [.. biases.Select((bias, i) =>
            scaled is null ? new Linear(plain![i], bias) : new Linear(scaled[i].Values, bias, scaled[i].Scales))];
        _areJoined = weights.JoinsSideBySide;
    }

    /// <summary>One of the layers by itself.</summary>
    public Linear Of(int layer) => _layers[layer];

    /// <summary>All of them, [tokens, layers * out]; without gradients.</summary>
    public Tensor Forward(LayerInput x, ScalarType type)
    {
        using var scope = NewDisposeScope();
        return (_areJoined ? _layers[0].With(_layers.Length).Forward(x, type) : cat([.. _layers.Select(l => l.Forward(x, type))], -1))
            .MoveToOuterDisposeScope();
    }
}
