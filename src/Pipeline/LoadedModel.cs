using StreamDiff.Models;
using StreamDiff.Models.Diffusion;
using StreamDiff.Models.Native;
using StreamDiff.Models.Registry;
using StreamDiff.Models.Wan;
using StreamDiff.Transport.Media;
using static TorchSharp.torch;

namespace StreamDiff.Pipeline;

/// <summary>A loaded model and what streams are opened with.</summary>
public sealed class LoadedModel : IDisposable
{
    private readonly RestyleOptions _options;
    private readonly FramePool _frames = new();

    /// <param name="options">Model, VAE, mode, device, type, threads.</param>
    /// <exception cref="ModelException">The model cannot be used.</exception>
    public LoadedModel(RestyleOptions options)
    {
        LibTorch.Load();
        _options = options;
        Model = new ModelCatalog().Find(options.Model);
        Target = ComputeTarget.Resolve(options.Device, options.Type);
        // As live runs choose them.
        set_num_threads(options.Threads ?? Math.Max(1, Math.Min(4, Environment.ProcessorCount / (Target.Device.type == TorchSharp.DeviceType.CPU ? 2 : 1))));
        Threads = get_num_threads();
        Networks = ModelBundle.Load(Model, options.Vae, Target.Device, Target.Type);
    }

    public Model Model { get; }

    public ComputeTarget Target { get; }

    public int Threads { get; }

    public ModelBundle Networks { get; }

    /// <summary>What it was loaded with.</summary>
    public RestyleOptions Options => _options;

    /// <summary>Name of the autoencoder.</summary>
    public string Vae => _options.Vae ?? Model.Config.Vae.Default;

    /// <summary>The model's own size unless another was asked for.</summary>
    public static (int Width, int Height) Size(RestyleOptions options, Model model) => options.Size ?? (model.Config.DefaultSize.Width, model.Config.DefaultSize.Height);

    public SessionSettings Settings(int steps, (int Width, int Height) size) => SessionSettings.From(_options with { Steps = steps }, Model.Config, size);

    /// <summary>A stream; the caller's to dispose.</summary>
    public StreamSession OpenStream(SessionSettings settings, long seed = 0) => new(Networks, settings, Prompt(), new SeededNoise(seed, Target.Device), _frames);

    /// <summary>What a prompt says does not change what a tick costs, and the text encoder may be larger than everything else.</summary>
    public PromptContext Prompt()
    {
        using var embeddings = zeros(1, 1, Model.Config.Dit.TextDim, device: Target.Device);
        return Networks.Transformer.EncodePrompt(embeddings);
    }

    public void Dispose()
    {
        Networks.Dispose();
        _frames.Dispose();
    }
}
