using StreamDiff.Models.Weights;
using static TorchSharp.torch;

namespace StreamDiff.Models.Wan.Layers;

/// <summary>y = x W^T + b, with the weights taken as <c>weight</c> [out, in] and <c>bias</c> [out].</summary>
internal sealed class Linear(WeightLoader weights, long inFeatures, long outFeatures)
{
    private readonly Tensor _weight = weights.Take("weight", outFeatures, inFeatures);
    private readonly Tensor _bias = weights.Take("bias", outFeatures);

    public Tensor Forward(Tensor x) => nn.functional.linear(x, _weight, _bias);
}
