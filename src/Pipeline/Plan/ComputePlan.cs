using StreamDiff.Models;
using StreamDiff.Models.Cuda;
using StreamDiff.Models.Loading;
using StreamDiff.Models.Loras;
using StreamDiff.Models.Native;
using StreamDiff.Models.Registry;
using StreamDiff.Models.Wan;
using StreamDiff.Models.Wan.Layers;
using TorchSharp;
using static TorchSharp.torch;

namespace StreamDiff.Pipeline.Plan;

/// <summary>
/// What everything that computes begins with: libtorch is loaded, the model found, device and type are known, threads are set.
/// </summary>
/// <param name="Model">Found, its weights not yet loaded.</param>
/// <param name="Target">Where the VAE encodes and prompts are read, and in which type everything computes.</param>
/// <param name="Options">What was asked for.</param>
public sealed record ComputePlan(Model Model, ComputeTarget Target, ComputeOptions Options)
{
    /// <summary>Name of the VAE in use: taehv or wan.</summary>
    public string Vae => Options.Vae ?? Model.Config.Vae.Default;

    /// <summary>Sizes of the transformer, and how exactly it multiplies.</summary>
    public WanConfig Transformer => ModelBundle.TransformerConfig(Model.Config) with
    {
        Float8 = Options.Precision == ComputePrecision.Fp8,
        HeadSplit = Heads,
    };

    /// <summary>Which heads look back on the whole window; null for all.</summary>
    public HeadSplit? Heads { get; init; }

    /// <param name="options">What is wanted.</param>
    /// <param name="threads">
    /// Compute threads where the options name none, for a device; null for as many as leave room for others, which is what live runs want.
    /// </param>
    /// <param name="emulates">True takes float8 also where the device does not multiply it: right, and slow. Default false.</param>
    /// <exception cref="ModelException">The model or the device cannot be used as asked.</exception>
    public static ComputePlan Of(ComputeOptions options, Func<ComputeTarget, int>? threads = null, bool emulates = false)
    {
        LibTorch.Load();
        var model = new ModelCatalog().Find(options.Model);
        var target = ComputeTarget.Resolve(options.Ranks is { Devices: [var first, ..] } ? first : options.Device, options.Type);
        if (options.Precision == ComputePrecision.Fp8)
        {
            if (options.LoraLive)
                throw new ModelException("--precision fp8 and --lora-live exclude each other: weights in float8 cannot be changed");
            foreach (var device in options.Ranks?.Devices.Select(d => ComputeTarget.Resolve(d, options.Type).Device) ?? [target.Device])
                if (!emulates && CudaFeatures.WhyNoFloat8(device) is { } reason)
                    throw new ModelException($"--precision fp8: {reason}");
        }
        ComputeThreads.Set(options.Threads ?? (threads ?? LiveThreads)(target));
        return new ComputePlan(model, target, options) { Heads = options.SplitOf(model) };
    }

    /// <summary>The LoRAs that were asked for, matched to the model; null for none. The caller's.</summary>
    /// <exception cref="ModelException">One of them cannot be used.</exception>
    public LoraSet? OpenLoras() => Options.Loras.Count == 0
        ? null
        : LoraSet.Open(Options.Loras, CausalWanModel.Shapes(Transformer), Options.LoraLive);

    private static int LiveThreads(ComputeTarget target) =>
        Math.Max(1, Math.Min(4, Environment.ProcessorCount / (target.Device.type == DeviceType.CPU ? 2 : 1)));
}
