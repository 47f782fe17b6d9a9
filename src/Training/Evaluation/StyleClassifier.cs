using StreamDiff.Models;
using TorchSharp;
using static TorchSharp.torch;
using F = TorchSharp.torch.nn.functional;

namespace StreamDiff.Training.Evaluation;

/// <summary>
/// Multinomial regression on <see cref="StyleStatistics"/>. It learns the styles from their programs, never from the model that is judged.
/// </summary>
internal sealed class StyleClassifier : IDisposable
{
    private const int Steps = 1500;
    private const float Rate = 0.3f;
    private const float Decay = 2e-4f;

    private readonly Tensor _mean;
    private readonly Tensor _deviation;
    private readonly Tensor _weight;

    /// <param name="features">[examples, features].</param>
    /// <param name="labels">int64 [examples].</param>
    /// <param name="classes">Number of labels.</param>
    public StyleClassifier(Tensor features, Tensor labels, int classes)
    {
        using var scope = NewDisposeScope();
        _mean = features.mean([0], keepdim: true).DetachFromDisposeScope();
        _deviation = features.std([0], keepdim: true).add(Scalars.Of(1e-3f), Scalars.One).DetachFromDisposeScope();
        var x = Normal(features);
        _weight = zeros([classes, x.size(1)]).DetachFromDisposeScope();
        // Plain descent with the gradient of softmax regression, written out: shares minus labels, times features.
        var wanted = F.one_hot(labels, classes).to_type(ScalarType.Float32);
        var speed = zeros_like(_weight);
        for (var step = 0; step < Steps; step++)
        {
            using var inner = NewDisposeScope();
            var gradient = softmax(x.matmul(_weight.t()), 1).sub(wanted).t().matmul(x).div(Scalars.Of(x.size(0)))
                .add(_weight.mul(Scalars.Of(Decay)), Scalars.One);
            speed.mul_(Scalars.Of(0.9f)).add_(gradient, Scalars.Of(-Rate * (1 - 0.9 * step / Steps)));
            _weight.add_(speed, Scalars.One);
        }
    }

    /// <summary>Most likely label of one clip, from the statistics of all its frames.</summary>
    public int Of(Tensor features)
    {
        using var scope = NewDisposeScope();
        return (int)softmax(Normal(features).matmul(_weight.t()), 1).mean([0]).argmax().item<long>();
    }

    public void Dispose()
    {
        _mean.Dispose();
        _deviation.Dispose();
        _weight.Dispose();
    }

    private Tensor Normal(Tensor features)
    {
        var x = features.sub(_mean).div(_deviation).clamp(Scalars.Of(-5), Scalars.Of(5));
        return cat([x, ones([x.size(0), 1])], 1);
    }
}
