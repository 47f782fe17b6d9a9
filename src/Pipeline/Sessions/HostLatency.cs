using System.Globalization;
using StreamDiff.Models;
using StreamDiff.Models.Registry;
using StreamDiff.Pipeline.Calibration;
using StreamDiff.Pipeline.Live;
using StreamDiff.Scheduling.Latency;

namespace StreamDiff.Pipeline.Sessions;

/// <summary>What a host knows of its device when it begins: what <c>streamdiff calibrate</c> has saved, or else a look of its own of two seconds.</summary>
internal static class HostLatency
{
    private static readonly TimeSpan Budget = TimeSpan.FromSeconds(2);

    /// <param name="models">Loaded networks.</param>
    /// <param name="model">Their model.</param>
    /// <param name="target">Where they run.</param>
    /// <param name="options">Threads, window and sinks.</param>
    /// <param name="size">Size to look at where nothing is saved.</param>
    /// <param name="log">Told where the knowledge comes from.</param>
    public static LatencyModel Find(ModelBundle models, Model model, ComputeTarget target, RestyleOptions options, (int Width, int Height) size, Action<LiveEvent> log)
    {
        void Say(string text) => log(new LiveEvent(TimeSpan.Zero, false, "host", "latency", text));
        var key = SavedCalibration.Key(model, target, LiveRestyle.Threads(options, target));
        if (SavedCalibration.Find(key) is { } saved)
        {
            Say(string.Create(CultureInfo.InvariantCulture, $"calibrated {saved.Measured:yyyy-MM-dd}, median error {100 * saved.MedianError:0.0} %"));
            return new LatencyModel(saved.Terms);
        }
        var half = (Width: Math.Max(64, size.Width / 2 & ~15), Height: Math.Max(64, size.Height / 2 & ~15));
        var samples = TickCalibration.Measure(models.Transformer, s => SessionSettings.From(options, model.Config, s).Denoiser, new TickCalibrationOptions { Sizes = [.. new[] { size, half }.Distinct()], Budget = Budget });
        Say("not calibrated: looked at it for two seconds; 'streamdiff calibrate' does it better and saves it");
        return LatencyModel.Fit(samples);
    }
}
