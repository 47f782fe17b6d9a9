using StreamDiff.Models;
using TorchSharp;
using TorchSharp.Modules;
using static TorchSharp.torch;
using F = TorchSharp.torch.nn.functional;

namespace StreamDiff.Training.Evaluation;

/// <summary>
/// A network of one hidden layer on <see cref="StyleStatistics"/>. It learns the styles from their programs, never from the model that is
/// judged.
/// </summary>
internal sealed class StyleClassifier : IDisposable
{
    private const int Steps = 1200;
    private const int Hidden = 96;
    private const double Rate = 3e-3;
    private const double Decay = 0.02;
    // What a model makes of a style is never quite the program's: statistics are shaken by this share of their deviation.
    private const float Shake = 0.25f;

    private readonly Tensor _mean;
    private readonly Tensor _deviation;
    private readonly Parameter _in;
    private readonly Parameter _out;

    /// <param name="features">[examples, features].</param>
    /// <param name="labels">int64 [examples].</param>
    /// <param name="classes">Number of labels.</param>
    public StyleClassifier(Tensor features, Tensor labels, int classes)
    {
        using var learning = inference_mode(false);
        using var gradients = enable_grad();
        using var scope = NewDisposeScope();
        using var generator = new Generator(1);
        _mean = features.mean([0], keepdim: true).clone().DetachFromDisposeScope();
        _deviation = features.std([0], keepdim: true).add(Scalars.Of(1e-3f), Scalars.One).DetachFromDisposeScope();
        var x = Normal(features.clone());
        _in = Fresh(Hidden, x.size(1));
        _out = Fresh(classes, Hidden + 1);
        var wanted = labels.clone();
        using var optimiser = optim.AdamW([_in, _out], Rate, weight_decay: Decay);
        for (var step = 0; step < Steps; step++)
        {
            using var inner = NewDisposeScope();
            foreach (var group in optimiser.ParamGroups)
                group.LearningRate = Rate * (1 - 0.95 * step / Steps);
            optimiser.zero_grad();
            var shaken = x.add(randn(x.shape, generator: generator).mul(Scalars.Of(Shake)), Scalars.One);
            F.cross_entropy(Score(shaken), wanted).backward();
            optimiser.step();
        }
        _in.requires_grad = false;
        _out.requires_grad = false;

        Parameter Fresh(long rows, long columns) => new(
            randn([rows, columns], generator: generator).div(Scalars.Of(MathF.Sqrt(columns))).DetachFromDisposeScope());
    }

    /// <summary>Most likely label of one clip, from the statistics of all its frames.</summary>
    public int Of(Tensor features)
    {
        using var scope = NewDisposeScope();
        return (int)softmax(Score(Normal(features)), 1).mean([0]).argmax().item<long>();
    }

    public void Dispose()
    {
        _mean.Dispose();
        _deviation.Dispose();
        _in.Dispose();
        _out.Dispose();
    }

    private Tensor Score(Tensor x) => WithOne(F.relu(x.matmul(_in.t()))).matmul(_out.t());

    private Tensor Normal(Tensor features) => WithOne(features.sub(_mean).div(_deviation).clamp(Scalars.Of(-5), Scalars.Of(5)));

    private static Tensor WithOne(Tensor x) => cat([x, ones([x.size(0), 1])], 1);
}
