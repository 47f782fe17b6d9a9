using System.Globalization;
using StreamDiff.Pipeline.Calibration;
using StreamDiff.Pipeline.Loading;
using StreamDiff.Pipeline.Plan;
using StreamDiff.Pipeline.Telemetry;
using StreamDiff.Scheduling.Latency;
using static TorchSharp.torch;

namespace StreamDiff.Pipeline.Host;

/// <summary>
/// What a host knows of its device when it begins: what <c>streamdiff calibrate</c> has saved, or else a look of its own of two seconds.
/// </summary>
internal static class HostLatency
{
    private static readonly TimeSpan Budget = TimeSpan.FromSeconds(2);

    /// <param name="model">Loaded.</param>
    /// <param name="options">Window and sinks, where nothing is saved.</param>
    /// <param name="size">To look at then.</param>
    /// <param name="log">Told where the knowledge comes from.</param>
    public static LatencyModel Find(
        LoadedModel model, SamplingOptions options, (int Width, int Height) size, Action<LiveEvent> log)
    {
        void Say(string text) => log(new LiveEvent(TimeSpan.Zero, false, "host", "latency", text));
        var key = SavedCalibration.Key(model.Model, model.Target, get_num_threads(), model.Heads);
        // Nobody has measured this ring, and a look at it would be one at an empty pipe: corrected by its first ticks.
        if (model.Transformer is null)
            return new LatencyModel(HostLoad.Rough);
        if (SavedCalibration.Find(key) is { } saved)
        {
            Say(string.Create(CultureInfo.InvariantCulture,
                $"calibrated {saved.Measured:yyyy-MM-dd}, median error {100 * saved.MedianError:0.0} %"));
            return new LatencyModel(saved.Terms);
        }
        var half = (Width: Math.Max(64, size.Width / 2 & ~15), Height: Math.Max(64, size.Height / 2 & ~15));
        var samples = TickCalibration.Measure(
            model.Transformer, s => model.Settings(options, s).Denoiser,
            new TickCalibrationOptions { Sizes = [.. new[] { size, half }.Distinct()], Budget = Budget });
        Say("not calibrated: looked at it for two seconds; 'streamdiff calibrate' does it better and saves it");
        return LatencyModel.Fit(samples);
    }
}
