using StreamDiff.Models;
using TorchSharp;
using static TorchSharp.torch;

namespace StreamDiff.Training.Optimisation;

/// <summary>
/// AdamW (Loshchilov and Hutter 2019) on one vector, with gradients cut to a length and an exponential average of the weights, which is
/// what is kept in the end.
/// </summary>
public sealed class AdamW : IDisposable
{
    private const double Beta1 = 0.9;
    private const double Beta2 = 0.98;
    private const double Epsilon = 1e-8;
    private const double Decay = 0.01;
    private const double LongestGradient = 1;

    private readonly ITrainable _weights;
    private readonly Tensor _mean;
    private readonly Tensor _square;
    private readonly double _averaging;
    private long _steps;

    /// <param name="weights">What to train; stays the caller's.</param>
    /// <param name="averaging">Share of the old average in the new one, per step. Default 0.999.</param>
    public AdamW(ITrainable weights, double averaging = 0.999)
    {
        _weights = weights;
        _averaging = averaging;
        using var scope = NewDisposeScope();
        _mean = zeros_like(weights.Vector).DetachFromDisposeScope();
        _square = zeros_like(weights.Vector).DetachFromDisposeScope();
        Average = weights.Vector.clone().DetachFromDisposeScope();
    }

    /// <summary>The averaged weights.</summary>
    public Tensor Average { get; }

    /// <summary>Steps taken.</summary>
    public long Steps => _steps;

    /// <summary>Everything that has to be kept to go on later.</summary>
    public IReadOnlyList<KeyValuePair<string, Tensor>> State =>
    [
        new("weights", _weights.Vector), new("mean", _mean), new("square", _square), new("average", Average),
    ];

    /// <summary>One step down the gradient of a loss.</summary>
    public void Step(Tensor loss, double rate)
    {
        using var scope = NewDisposeScope();
        var gradient = _weights.Gradient(loss);
        using var quiet = no_grad();
        gradient.mul_(gradient.norm().clamp(min: Scalars.Of(LongestGradient)).reciprocal().mul(Scalars.Of(LongestGradient)).nan_to_num(0));
        _steps++;
        _mean.mul_(Scalars.Of(Beta1)).add_(gradient, Scalars.Of(1 - Beta1));
        _square.mul_(Scalars.Of(Beta2)).addcmul_(gradient, gradient, Scalars.Of(1 - Beta2));
        var scale = _square.div(Scalars.Of(1 - Math.Pow(Beta2, _steps))).sqrt_().add_(Scalars.Of(Epsilon), Scalars.One);
        var weights = _weights.Vector;
        weights.mul_(Scalars.Of(1 - rate * Decay)).addcdiv_(_mean, scale, Scalars.Of(-rate / (1 - Math.Pow(Beta1, _steps))));
        _weights.Round();
        // Early on the average must forget the random start faster.
        var averaging = Math.Min(_averaging, (1.0 + _steps) / (10 + _steps));
        Average.mul_(Scalars.Of(averaging)).add_(weights, Scalars.Of(1 - averaging));
    }

    /// <summary>Goes on from a kept state after this many steps.</summary>
    public void Resume(Func<string, Tensor> kept, long steps)
    {
        using var scope = NewDisposeScope();
        using var quiet = no_grad();
        foreach (var (name, tensor) in State)
            tensor.copy_(kept(name));
        _steps = steps;
        _weights.Round();
    }

    public void Dispose()
    {
        _mean.Dispose();
        _square.Dispose();
        Average.Dispose();
    }
}
