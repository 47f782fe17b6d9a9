using System.Runtime.InteropServices;
using StreamDiff.Pipeline.Control.Logs;
using StreamDiff.Pipeline.Loading;
using StreamDiff.Pipeline.Plan;
using StreamDiff.Transport.Media.Live;
using static TorchSharp.torch;

namespace StreamDiff.Pipeline.Runs;

/// <summary>What a log of a run begins with.</summary>
internal static class LogHeaders
{
    /// <summary>What decides how numbers are rounded, besides the settings.</summary>
    public static string Machine =>
        $"{RuntimeInformation.OSArchitecture}, {Environment.ProcessorCount} cores, libtorch {__version__}, streamdiff "
        + $"{typeof(LogHeaders).Assembly.GetName().Version}";

    /// <param name="options">The run's.</param>
    /// <param name="loaded">Its model.</param>
    /// <param name="settings">How it begins, defaults resolved.</param>
    /// <param name="size">Of its frames.</param>
    /// <param name="isLive">True for a live run, which takes its source's frames as they come.</param>
    public static SessionLogHeader Of(
        RestyleOptions options, LoadedModel loaded, StreamSettings settings, (int Width, int Height) size, bool isLive)
    {
        var (model, target, vae) = (loaded.Model, loaded.Target, loaded.Vae);
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
            Ranks = options.Ranks ?? "",
            IsLive = isLive,
            Input = MediaAddress.Parse(options.Input).Shown,
            Machine = Machine,
        };
    }
}
