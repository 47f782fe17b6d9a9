using System.Runtime.InteropServices;
using StreamDiff.Models.Registry;
using StreamDiff.Transport.Media.Live;
using static TorchSharp.torch;

namespace StreamDiff.Pipeline.Control.Logs;

/// <summary>What a log of a run begins with.</summary>
internal static class SessionHeaders
{
    /// <summary>What decides how numbers are rounded, besides the settings.</summary>
    public static string Machine => $"{RuntimeInformation.OSArchitecture}, {Environment.ProcessorCount} cores, libtorch {__version__}, streamdiff {typeof(SessionHeaders).Assembly.GetName().Version}";

    /// <param name="options">The run's.</param>
    /// <param name="model">Its model.</param>
    /// <param name="settings">How it begins, defaults resolved.</param>
    /// <param name="size">Of its pictures.</param>
    /// <param name="target">Where it computes.</param>
    /// <param name="isLive">True for a live run, which takes its source's frames as they come.</param>
    public static SessionLogHeader Of(RestyleOptions options, Model model, SessionSettings settings, (int Width, int Height) size, ComputeTarget target, bool isLive)
    {
        var vae = options.Vae ?? model.Config.Vae.Default;
        var geometry = settings.Denoiser.Geometry;
        return new SessionLogHeader
        {
            Model = model.Name,
            Weights = WeightsIdentity.Of(model, vae),
            Prompt = options.Prompt,
            Steps = options.Steps,
            Width = size.Width,
            Height = size.Height,
            Fit = options.Fit,
            Fps = isLive ? "" : options.Fps ?? "",
            Start = options.Start ?? 0,
            Seed = options.Seed,
            Mode = options.Mode.ToString(),
            Rope = options.Rope.ToString(),
            NoiseScale = settings.Noise?.Scale ?? 0,
            WindowFrames = geometry.WindowFrames,
            SinkFrames = geometry.SinkFrames,
            SinkThreshold = geometry.SinkThreshold,
            Vae = vae,
            Device = target.Device.ToString(),
            Type = target.Type.ToString().ToLowerInvariant(),
            Threads = get_num_threads(),
            Ticks = "chunk",
            IsLive = isLive,
            Input = MediaAddress.Parse(options.Input).Shown,
            Machine = Machine,
        };
    }
}
