using StreamDiff.Scheduling.Latency;
using StreamDiff.Scheduling.Statistics;

namespace StreamDiff.Pipeline.Calibration;

/// <summary>A latency model and how good it is.</summary>
/// <param name="Model">Fitted to all samples.</param>
/// <param name="Rows">Every sample with its prediction; held-out ones by a model that has not seen them.</param>
public sealed record CalibrationResult(LatencyModel Model, IReadOnlyList<CalibrationRow> Rows)
{
    private const int HoldOutEvery = 4;

    /// <summary>Median of |predicted - measured| / measured of the shapes that the fit has not seen.</summary>
    public double HeldOutError => CalibrationRow.MedianError(Rows, isHeldOut: true);

    /// <summary>The same of those that it has seen.</summary>
    public double FittedError => CalibrationRow.MedianError(Rows, isHeldOut: false);

    /// <summary>Fits: a quarter of the shapes is held out to judge the fit, then the model that is kept is fitted to all.</summary>
    /// <param name="samples">One a shape.</param>
    /// <param name="seed">Of which shapes are held out.</param>
    /// <exception cref="ArgumentException">Too few samples.</exception>
    public static CalibrationResult Of(IReadOnlyList<TickSample> samples, int seed = 1)
    {
        var order = samples.OrderBy(s => s.Shape.FrameTokens).ThenBy(s => s.Shape.Lanes).ThenBy(s => s.Shape.LatentFrames)
            .ThenBy(s => s.Shape.CachedFrames).ToArray();
        var heldOut = new HashSet<TickShape>();
        var random = new Random(seed);
        foreach (var group in order.Chunk(HoldOutEvery))
            heldOut.Add(group[random.Next(group.Length)].Shape);
        var judged = LatencyModel.Fit([.. order.Where(s => !heldOut.Contains(s.Shape))]);
        return new CalibrationResult(
            LatencyModel.Fit(order),
            [.. order.Select(s => new CalibrationRow(s.Shape, judged.Terms.Of(s.Shape), s.Seconds, heldOut.Contains(s.Shape)))]);
    }
}

/// <summary>What <c>streamdiff calibrate --json</c> writes, and <c>streamdiff-bench plot-calibration</c> draws.</summary>
/// <param name="Model">Name.</param>
/// <param name="Device">Where it ran.</param>
/// <param name="Type">What it computed in.</param>
/// <param name="Rows">Every shape.</param>
public sealed record CalibrationReport(string Model, string Device, string Type, IReadOnlyList<CalibrationRow> Rows);

/// <summary>A shape, predicted and measured.</summary>
/// <param name="Shape">What ran.</param>
/// <param name="Predicted">Seconds.</param>
/// <param name="Measured">Seconds.</param>
/// <param name="IsHeldOut">True where the fit has not seen it.</param>
public sealed record CalibrationRow(TickShape Shape, double Predicted, double Measured, bool IsHeldOut)
{
    /// <summary>Relative: 0.1 is ten percent too long.</summary>
    public double Error => Predicted / Measured - 1;

    /// <summary>
    /// Median of |predicted - measured| / measured of those that the fit has not seen, or of those that it has; 0 of none.
    /// </summary>
    public static double MedianError(IEnumerable<CalibrationRow> rows, bool isHeldOut) =>
        Distribution.Median(rows.Where(r => r.IsHeldOut == isHeldOut).Select(r => Math.Abs(r.Error)));
}
