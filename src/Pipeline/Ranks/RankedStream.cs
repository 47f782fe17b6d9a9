using System.Diagnostics;
using StreamDiff.Models;
using StreamDiff.Models.Diffusion;
using StreamDiff.Models.Registry;
using StreamDiff.Models.Vae;
using StreamDiff.Pipeline.Decoding;
using StreamDiff.Pipeline.Denoising;
using StreamDiff.Pipeline.Encoding;
using StreamDiff.Pipeline.Noising;
using StreamDiff.Scheduling.Placement;
using StreamDiff.Transport.Links;
using StreamDiff.Transport.Media;
using TorchSharp;
using static TorchSharp.torch;

namespace StreamDiff.Pipeline.Ranks;

/// <summary>
/// One stream whose transformer is spread over ranks. Encoding happens on the first rank of this process, decoding on the last one, so that the VAE's load lies at
/// both ends; where all ranks are elsewhere both happen here.
/// </summary>
public sealed class RankedStream : IRestyleStream
{
    private readonly LocalRankThreads? _threads;
    private readonly RankRing _ring;
    private readonly RankedChunkDenoiser _denoiser;
    private readonly SeededNoise _noise;
    private readonly ChunkNoiser _noiser;
    private readonly List<IVae> _vaes = [];
    private readonly Func<Models.Text.TextEncoder> _loadTextEncoder;

    private RankedStream(LocalRankThreads? threads, RankRing ring, Model model, RestyleOptions options, SessionSettings settings, Tensor prompt, Device first, Device last, ScalarType type, FramePool frames)
    {
        (_threads, _ring) = (threads, ring);
        _noise = new SeededNoise(options.Seed, CPU);
        _loadTextEncoder = () => ModelBundle.LoadTextEncoder(model, first, type);
        var balancer = new RankBalancer(BlockBalance.Continuous, new BlockSchedulerOptions(), settings.Denoiser.Timesteps.Count);
        ring.Timed = timings => balancer.Measured(ring, timings);
        var vae = options.Vae ?? model.Config.Vae.Default;
        _vaes.Add(ModelBundle.LoadVae(model, vae, first, type));
        if (first.ToString() != last.ToString())
            _vaes.Add(ModelBundle.LoadVae(model, vae, last, type));
        Encoder = settings.Mode == DenoisingMode.TextToVideo
            ? new BlankEncoder(model.Config.Dit.InDim, 2 * settings.Denoiser.GridRows, 2 * settings.Denoiser.GridColumns, CPU)
            : new ChunkEncoder(_vaes[0]);
        _noiser = new ChunkNoiser(settings.Noise, _noise);
        _denoiser = new RankedChunkDenoiser(
            ring, _noiser, _noise, settings.Denoiser, settings.Mode == DenoisingMode.StreamBatch, prompt, last, balancer);
        Decoder = new ChunkDecoder(_vaes[^1], frames);
    }

    public IChunkEncoder Encoder { get; }

    public IChunkDenoiser Denoiser => _denoiser;

    public ChunkDecoder Decoder { get; }

    /// <summary>The text encoder, for streams whose prompt changes.</summary>
    internal Models.Text.TextEncoder LoadTextEncoder() => _loadTextEncoder();

    /// <summary>See <see cref="RankedChunkDenoiser.ChangePrompt"/>.</summary>
    /// <param name="embeddings">[1, tokens, text_dim] on the CPU; taken over.</param>
    internal void ChangePrompt(Tensor embeddings) => _denoiser.ChangePrompt(embeddings);

    /// <summary>Largest share of noise of chunks fed from now on.</summary>
    internal void ChangeNoiseScale(double scale) => _noiser.LargestScale = scale;

    /// <summary>All noise drawn from now on is that of another seed.</summary>
    internal void ChangeSeed(long seed) => _noise.Restart(seed);

    /// <summary>How often a rank was lost and the stream rebuilt.</summary>
    public int Recoveries => _denoiser.Recoveries;

    /// <summary>Starts the ranks of this process, joins them with those elsewhere, and opens a stream on them.</summary>
    /// <param name="options">As for a run; <see cref="RestyleOptions.Ranks"/> is set.</param>
    /// <param name="model">From the catalog.</param>
    /// <param name="settings">How the stream is denoised.</param>
    /// <param name="frames">Pool for the frames it gives.</param>
    /// <param name="log">What happens to the ranks, one line each.</param>
    /// <param name="read">Told what the model makes of the prompt.</param>
    /// <exception cref="ModelException">The model, a device or a rank cannot be used as asked.</exception>
    public static RankedStream Open(RestyleOptions options, Model model, SessionSettings settings, FramePool frames, Action<string> log, Action<Models.Text.PromptReading> read)
    {
        var list = RankList.Parse(options.Ranks!);
        var clock = Stopwatch.StartNew();
        void Timed(string text) => log(FormattableString.Invariant($"{clock.Elapsed.TotalSeconds:0.0} s: {text}"));
        var targets = list.Devices.Select(d => ComputeTarget.Resolve(d, options.Type)).ToList();
        var near = targets.Count > 0 ? targets[0] : ComputeTarget.Resolve(options.Device, options.Type);
        var prompt = EncodePrompt(options.Prompt, model, near, read);

        var directory = new LocalRanks();
        LocalRankThreads? threads = null;
        RankRing? ring = null;
        try
        {
            var models = targets.Select(t => new RankModel(ModelBundle.TransformerConfig(model.Config), () => ModelBundle.OpenTransformer(model), t.Device, t.Type)).ToList();
            var connector = new RankConnector(directory, RankConnector.CallerOptions(list.SecretFile, list.TlsAuthority), RankConnector.IdentityOf(model, near.Type));
            threads = models.Count == 0 ? null : new LocalRankThreads(models, directory, connector, options.Threads ?? ThreadsPerRank(models), Timed);
            List<string> addresses = [.. models.Select((_, i) => LocalRankThreads.Address(i)), .. list.Remote];
            ring = new RankRing(new RankRingOptions { Blocks = model.Config.Dit.NumLayers }, addresses, connector) { Log = Timed };
            ring.Form();
            var vae = options.VaeDevice?.Split(',').Select(d => ComputeTarget.Resolve(d, options.Type).Device).ToArray();
            var first = vae?[0] ?? near.Device;
            var last = vae?[^1] ?? (targets.Count > 0 ? targets[^1].Device : near.Device);
            return new RankedStream(threads, ring, model, options, settings, prompt, first, last, near.Type, frames);
        }
        catch (Exception e)
        {
            ring?.Dispose();
            threads?.Dispose();
            prompt.Dispose();
            if (e is LinkException)
                throw new ModelException(e.Message, e);
            throw;
        }
    }

    public void Dispose()
    {
        Encoder.Dispose();
        Decoder.Dispose();
        _denoiser.Dispose();
        _ring.Dispose();
        _threads?.Dispose();
        _noise.Dispose();
        foreach (var vae in _vaes)
            vae.Dispose();
    }

    private static Tensor EncodePrompt(string prompt, Model model, ComputeTarget target, Action<Models.Text.PromptReading> read)
    {
        using var scope = NewDisposeScope();
        using var encoder = ModelBundle.LoadTextEncoder(model, target.Device, target.Type);
        var (embeddings, reading) = encoder.Read(prompt);
        read(reading);
        return embeddings.cpu().DetachFromDisposeScope();
    }

    private static int ThreadsPerRank(List<RankModel> models) =>
        Math.Max(1, Environment.ProcessorCount / Math.Max(1, models.Count(m => m.Device.type == DeviceType.CPU)));
}
