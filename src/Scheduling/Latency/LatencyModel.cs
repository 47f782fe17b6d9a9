using StreamDiff.Scheduling.Statistics;

namespace StreamDiff.Scheduling.Latency;

/// <summary>A measured tick.</summary>
/// <param name="Shape">What ran.</param>
/// <param name="Seconds">How long it took.</param>
public readonly record struct TickSample(TickShape Shape, double Seconds);

/// <summary>
/// How long ticks take on this device: terms fitted to calibration samples, corrected while running. The correction has two parts: a slow
/// factor for everything (another process, clocks that fall) and a quick one for each shape that is met again and again. Not thread-safe:
/// it belongs to the thread that runs the ticks.
/// </summary>
public sealed class LatencyModel(LatencyTerms terms)
{
    // A tick that stalls says nothing about the next one: a single sample moves a factor by so much at most.
    private const double LargestSurprise = 2;
    private const double SlowShare = 0.05;
    private const double QuickShare = 0.25;

    private readonly Dictionary<TickShape, double> _byShape = [];
    private readonly Queue<double> _errors = new();
    private const int ErrorsKept = 200;

    public LatencyTerms Terms => terms;

    /// <summary>Measured against predicted over everything of late; 1 where the calibration holds.</summary>
    public double Correction { get; private set; } = 1;

    /// <summary>Ticks observed.</summary>
    public long Observed { get; private set; }

    /// <summary>Median of |predicted - measured| / measured of the last 200 ticks; 0 before the first.</summary>
    public double MedianError => Distribution.Median(_errors);

    /// <summary>Fits the terms.</summary>
    /// <exception cref="ArgumentException">Fewer samples than terms.</exception>
    public static LatencyModel Fit(IReadOnlyList<TickSample> samples)
    {
        if (samples.Count < LatencyTerms.Count)
            throw new ArgumentException($"{LatencyTerms.Count} terms need at least as many samples, not {samples.Count}", nameof(samples));
        return new LatencyModel(LatencyTerms.From(
            NonNegativeFit.Solve([.. samples.Select(s => LatencyTerms.Features(s.Shape))], [.. samples.Select(s => s.Seconds)])));
    }

    /// <summary>Median of |predicted - measured| / measured of samples, without any correction.</summary>
    public double MedianErrorOf(IEnumerable<TickSample> samples) =>
        Distribution.Median(samples.Select(s => Math.Abs(terms.Of(s.Shape) - s.Seconds) / s.Seconds));

    /// <summary>What a tick of this shape will take.</summary>
    public TimeSpan Predict(TickShape shape) => TimeSpan.FromSeconds(terms.Of(shape) * Correction * _byShape.GetValueOrDefault(shape, 1));

    /// <summary>Goes back to the calibration: what was seen since is of another time.</summary>
    public void Forget()
    {
        Correction = 1;
        _byShape.Clear();
    }

    /// <summary>What a tick of this shape has taken.</summary>
    public void Observe(TickShape shape, TimeSpan took)
    {
        var plain = terms.Of(shape);
        if (plain <= 0 || took <= TimeSpan.Zero)
            return;
        Observed++;
        var predicted = Predict(shape).TotalSeconds;
        _errors.Enqueue(Math.Abs(predicted - took.TotalSeconds) / took.TotalSeconds);
        if (_errors.Count > ErrorsKept)
            _errors.Dequeue();

        var surprise = Math.Clamp(took.TotalSeconds / predicted, 1 / LargestSurprise, LargestSurprise);
        Correction *= Math.Pow(surprise, SlowShare);
        _byShape[shape] = _byShape.GetValueOrDefault(shape, 1) * Math.Pow(surprise, QuickShare);
    }
}
