using StreamDiff.Models;
using static TorchSharp.torch;

namespace StreamDiff.Pipeline.Verification;

/// <summary>
/// Collects how far results lie from what was expected: a value passes when |error| is at most absolute + relative * |expected|.
/// </summary>
internal sealed class Comparison(double absolute, double relative)
{
    private readonly List<string> _failures = [];

    public double MaxAbsoluteError { get; private set; }

    public double MaxRelativeError { get; private set; }

    public int Values { get; private set; }

    public bool Passed => _failures.Count == 0 && Values > 0;

    public string? Detail => _failures.Count > 0 ? _failures[0] : Values == 0 ? "nothing was compared" : null;

    public void Tensors(string what, Tensor expected, Tensor actual)
    {
        using var scope = NewDisposeScope();
        if (!expected.shape.AsSpan().SequenceEqual(actual.shape))
        {
            Fail($"{what}: shape [{string.Join(", ", actual.shape)}] instead of [{string.Join(", ", expected.shape)}]");
            return;
        }
        Values++;
        if (expected.numel() == 0)
            return;
        var want = expected.to(ScalarType.Float64, CPU);
        var error = actual.to(ScalarType.Float64, CPU).sub(want).abs();
        var worst = error.max().item<double>();
        MaxAbsoluteError = Math.Max(MaxAbsoluteError, worst);
        MaxRelativeError = Math.Max(MaxRelativeError, error.div(want.abs().clamp(min: Scalars.One)).max().item<double>());
        // Written so that NaN fails.
        if (!error.le(want.abs().mul(Scalars.Of(relative)).add(Scalars.Of(absolute), Scalars.One)).all().item<bool>())
            Fail($"{what}: error {worst:g3}");
    }

    public void Numbers(string what, double expected, double actual)
    {
        Values++;
        var error = Math.Abs(expected - actual);
        MaxAbsoluteError = Math.Max(MaxAbsoluteError, error);
        MaxRelativeError = Math.Max(MaxRelativeError, error / Math.Max(Math.Abs(expected), 1));
        if (!(error <= absolute + relative * Math.Abs(expected)))
            Fail($"{what}: {actual} instead of {expected}");
    }

    public void Exactly(string what, IEnumerable<int> expected, IEnumerable<int> actual)
    {
        Values++;
        if (!expected.SequenceEqual(actual))
            Fail($"{what}: [{string.Join(", ", actual)}] instead of [{string.Join(", ", expected)}]");
    }

    private void Fail(string what) => _failures.Add(what);
}
