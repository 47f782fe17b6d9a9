using StreamDiff.Pipeline.Calibration;
using StreamDiff.Pipeline.Loading;
using StreamDiff.Pipeline.Plan;
using StreamDiff.Scheduling.Latency;

namespace StreamDiff.Bench.Hosts;

/// <summary>How long ticks take here and now: what a benchmark of sessions measures before it begins.</summary>
internal static class TickLatency
{
    /// <summary>Measures ticks of 1, 2, 4 and so on lanes.</summary>
    /// <param name="model">Whose ticks.</param>
    /// <param name="sampling">How streams are denoised.</param>
    /// <param name="sizes">Frame sizes that sessions may have.</param>
    /// <param name="cancellation">Ends it.</param>
    /// <param name="mostLanes">Lanes that a tick may have. Default 4.</param>
    /// <param name="budget">How long, one pass over all shapes at least. Default: that pass.</param>
    public static LatencyModel Measure(
        LoadedModel model, SamplingOptions sampling, IReadOnlyList<(int Width, int Height)> sizes, CancellationToken cancellation,
        int mostLanes = 4, TimeSpan budget = default) =>
        LatencyModel.Fit(TickCalibration.Measure(model.Transformer!, s => model.Settings(sampling, s).Denoiser, new TickCalibrationOptions
        {
            Sizes = sizes,
            Lanes = [.. Enumerable.Range(0, 8).Select(i => 1 << i).TakeWhile(lanes => lanes <= mostLanes)],
            Budget = budget,
        }, cancellation));
}
