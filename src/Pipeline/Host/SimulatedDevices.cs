using StreamDiff.Pipeline.Calibration;
using StreamDiff.Pipeline.Loading;
using StreamDiff.Pipeline.Plan;
using StreamDiff.Scheduling.Latency;
using StreamDiff.Scheduling.Simulation;
using TorchSharp;

namespace StreamDiff.Pipeline.Host;

/// <summary>Measured devices as the simulator knows them.</summary>
public static class SimulatedDevices
{
    /// <param name="name">Shown to people.</param>
    /// <param name="model">The model that was measured.</param>
    /// <param name="sampling">How it denoises.</param>
    /// <param name="size">Of the frames.</param>
    /// <param name="terms">Of its ticks.</param>
    /// <param name="coding">Of its VAE.</param>
    /// <param name="source">Where the numbers come from.</param>
    /// <param name="lanes">Most rows of a tick; null for a host's default.</param>
    public static SimulatedDevice Of(
        string name, LoadedModel model, SamplingOptions sampling, (int Width, int Height) size, LatencyTerms terms, CodingTimes coding,
        string source, int? lanes = null)
    {
        var geometry = model.Settings(sampling, size).Denoiser.Geometry;
        var host = new HostOptions();
        // On a GPU the two kinds of work come from workers of their own and overlap.
        var workers = model.Target.Device.type == DeviceType.CPU ? host.Workers : 0;
        return new SimulatedDevice(
            name, terms, coding.Encode.TotalSeconds, coding.Decode.TotalSeconds, geometry.FrameTokens, geometry.WindowFrames - 1,
            lanes ?? host.RowsPerTick, source, workers);
    }
}
