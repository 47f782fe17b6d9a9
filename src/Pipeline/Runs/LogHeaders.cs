using System.Runtime.InteropServices;
using StreamDiff.Pipeline.Control.Logs;
using StreamDiff.Pipeline.Loading;
using StreamDiff.Pipeline.Plan;
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
    /// <param name="isLive">True for a live run, which takes its source's frames as they come.</param>
    public static SessionLogHeader Of(RestyleOptions options, LoadedModel loaded, bool isLive)
    {
        var (model, target, vae) = (loaded.Model, loaded.Target, loaded.Vae);
        var (size, sampling) = (options.Frame.SizeFor(model), options.Sampling.WithDefaultsOf(model.Config));
        return new SessionLogHeader
        {
            Model = model.Name,
            Weights = WeightsIdentity.Of(model, vae, options.Compute.Loras, loaded.Heads),
            Prompt = sampling.Prompt,
            Steps = sampling.Steps,
            Width = size.Width,
            Height = size.Height,
            Fit = OptionText.Word(options.Frame.Fit),
            Fps = isLive ? "" : options.Frame.Rate?.ToString() ?? "",
            Start = options.Input.Start?.TotalSeconds ?? 0,
            Seed = sampling.Seed,
            Mode = sampling.Mode.ToString(),
            Rope = sampling.Rope.ToString(),
            NoiseScale = sampling.Mode == DenoisingMode.TextToVideo ? 0 : sampling.NoiseScale!.Value,
            WindowFrames = sampling.WindowFrames!.Value,
            SinkFrames = sampling.SinkFrames!.Value,
            SinkThreshold = sampling.SinkThreshold!.Value,
            Vae = vae,
            Device = target.Device.ToString(),
            Type = target.Type.ToString().ToLowerInvariant(),
            Threads = get_num_threads(),
            Ranks = options.Compute.Ranks?.Text ?? "",
            // A replay may be started elsewhere.
            Loras = string.Join('\n', options.Compute.Loras.Select(l => l with { Path = Path.GetFullPath(l.Path) })),
            LoraLive = options.Compute.LoraLive,
            Precision = options.Compute.Precision == ComputePrecision.Auto ? "" : OptionText.Word(options.Compute.Precision),
            Heads = loaded.Heads is null ? "" : Path.GetFullPath(options.Compute.HeadFileFor(model)!),
            Alpha = options.Output.HasAlpha,
            IsLive = isLive,
            Input = options.Input.Address.Shown,
            Machine = Machine,
        };
    }
}
