using System.Diagnostics;
using StreamDiff.Models;
using StreamDiff.Models.Diffusion;
using StreamDiff.Models.Loading;
using StreamDiff.Models.Native;
using StreamDiff.Models.Registry;
using StreamDiff.Models.Text;
using StreamDiff.Models.Vae;
using StreamDiff.Models.Wan;
using StreamDiff.Pipeline.Control;
using StreamDiff.Pipeline.Plan;
using StreamDiff.Pipeline.Ranks;
using StreamDiff.Scheduling.Placement;
using StreamDiff.Transport.Links;
using TorchSharp;
using static TorchSharp.torch;

namespace StreamDiff.Pipeline.Loading;

/// <summary>
/// A model ready to run streams: its transformer on one device or spread over ranks, and its VAE. One copy of the weights, whatever the
/// number of streams. Every run opens it here: libtorch, model, device, type, threads, weights.
/// </summary>
public sealed class LoadedModel : IDisposable
{
    private readonly List<IDisposable> _owned = [];
    private readonly Device _near;

    private LoadedModel(Model model, ComputeTarget target, RestyleOptions options)
    {
        (Model, Target, _near, Options, Threads) = (model, target, target.Device, options, get_num_threads());
        Prompts = Own(new PromptReader(LoadTextEncoder));
    }

    public Model Model { get; }

    public ModelConfig Config => Model.Config;

    /// <summary>Where the VAE encodes and prompts are read, and in which type everything computes.</summary>
    public ComputeTarget Target { get; }

    /// <summary>What it was loaded with.</summary>
    public RestyleOptions Options { get; }

    /// <summary>Compute threads of libtorch.</summary>
    public int Threads { get; }

    /// <summary>Name of the VAE in use: taehv or wan.</summary>
    public string Vae => Options.Vae ?? Config.Vae.Default;

    /// <summary>Runs the ticks of all streams.</summary>
    public TickQueue Ticks { get; internal set; } = null!;

    /// <summary>Encodes; on the first rank of this process where there are ranks.</summary>
    public IVae EncoderVae { get; private set; } = null!;

    /// <summary>
    /// Decodes: the same object on one device; on the last rank of this process where there are ranks, so that the load lies at both ends.
    /// </summary>
    public IVae DecoderVae { get; private set; } = null!;

    /// <summary>Reads the prompts of all streams.</summary>
    internal PromptReader Prompts { get; }

    /// <summary>The transformer, where it lies on one device of this process; null where ranks share it.</summary>
    public CausalWanModel? Transformer { get; private set; }

    /// <summary>The model's own size unless another was asked for.</summary>
    public (int Width, int Height) SizeOf(RestyleOptions options) => SizeOf(options, Model);

    /// <summary>The same of a model that is not loaded.</summary>
    public static (int Width, int Height) SizeOf(RestyleOptions options, Model model) =>
        options.Size ?? (model.Config.DefaultSize.Width, model.Config.DefaultSize.Height);

    /// <summary>How a stream of so many steps and such a size is denoised.</summary>
    public StreamSettings Settings(int steps, (int Width, int Height) size) =>
        StreamSettings.From(Options with { Steps = steps }, Config, size);

    /// <summary>A text encoder of the caller's own, for measurements. It may be larger than everything else.</summary>
    public TextEncoder LoadTextEncoder() => ModelBundle.LoadTextEncoder(Model, _near, Target.Type);

    /// <summary>Loads libtorch and a model.</summary>
    /// <param name="options">Model, VAE, device, type, threads, ranks.</param>
    /// <param name="threads">
    /// Compute threads where the options name none, for a device; null for as many as leave room for others, which is what live runs want.
    /// </param>
    /// <param name="log">What happens to ranks, one line each.</param>
    /// <exception cref="ModelException">The model, a device or a rank cannot be used as asked.</exception>
    public static LoadedModel Open(RestyleOptions options, Func<ComputeTarget, int>? threads = null, Action<string>? log = null)
    {
        LibTorch.Load();
        using var inference = inference_mode();
        var model = new ModelCatalog().Find(options.Model);
        var ranks = options.Ranks is null ? null : RankList.Parse(options.Ranks);
        var target = ComputeTarget.Resolve(ranks is { Devices.Count: > 0 } ? ranks.Devices[0] : options.Device, options.Type);
        ComputeThreads.Set(options.Threads ?? (threads ?? LiveThreads)(target));
        var loaded = new LoadedModel(model, target, options);
        try
        {
            if (ranks is null)
                loaded.OpenHere();
            else
                loaded.OpenRanks(ranks, options, log ?? (_ => { }));
            return loaded;
        }
        catch (Exception e)
        {
            loaded.Dispose();
            if (e is LinkException)
                throw new ModelException(e.Message, e);
            throw;
        }
    }

    public void Dispose()
    {
        for (var i = _owned.Count - 1; i >= 0; i--)
            _owned[i].Dispose();
        _owned.Clear();
    }

    private void OpenHere()
    {
        using (var weights = ModelBundle.OpenTransformer(Model))
            Transformer = Own(CausalWanModel.Load(ModelBundle.TransformerConfig(Config), .., weights, Target.Device, Target.Type));
        EncoderVae = DecoderVae = Own(ModelBundle.LoadVae(Model, Vae, Target.Device, Target.Type));
        Ticks = Own(new TickQueue(Own(new LocalTickRunner(Transformer))));
    }

    private void OpenRanks(RankList list, RestyleOptions options, Action<string> log)
    {
        var clock = Stopwatch.StartNew();
        void Timed(string text) => log(FormattableString.Invariant($"{clock.Elapsed.TotalSeconds:0.0} s: {text}"));
        var targets = list.Devices.Select(d => ComputeTarget.Resolve(d, options.Type)).ToList();
        var directory = new LocalRanks();
        var models = targets.Select(
            t => new RankModel(ModelBundle.TransformerConfig(Config), () => ModelBundle.OpenTransformer(Model), t.Device, t.Type)).ToList();
        var connector = new RankConnector(
            directory, RankConnector.CallerOptions(list.SecretFile, list.TlsAuthority), RankConnector.IdentityOf(Model, Target.Type));
        if (models.Count > 0)
            Own(new LocalRankThreads(models, directory, connector, options.Threads ?? ThreadsPerRank(models), Timed));
        List<string> addresses = [.. models.Select((_, i) => LocalRankThreads.Address(i)), .. list.Remote];
        var ring = Own(new RankRing(new RankRingOptions { Blocks = Config.Dit.NumLayers }, addresses, connector) { Log = Timed });
        ring.Form();
        var balancer = new RankBalancer(BlockBalance.Continuous, new BlockSchedulerOptions(), options.Steps);
        Ticks = Own(new TickQueue(Own(new RingTickRunner(ring, balancer))));
        Ticks.Recovered = (reason, chunks, took) =>
            Timed(FormattableString.Invariant(
                $"rebuilt on {ring.Ranges.Count} ranks in {took.TotalMilliseconds:0} ms, {chunks} chunks fed again: {reason}"));

        var vae = options.VaeDevice?.Split(',').Select(d => ComputeTarget.Resolve(d, options.Type).Device).ToArray();
        var first = vae?[0] ?? Target.Device;
        var last = vae?[^1] ?? (targets.Count > 0 ? targets[^1].Device : Target.Device);
        EncoderVae = Own(ModelBundle.LoadVae(Model, Vae, first, Target.Type));
        DecoderVae = first.ToString() == last.ToString() ? EncoderVae : Own(ModelBundle.LoadVae(Model, Vae, last, Target.Type));
    }

    private T Own<T>(T part)
        where T : IDisposable
    {
        _owned.Add(part);
        return part;
    }

    private static int LiveThreads(ComputeTarget target) =>
        Math.Max(1, Math.Min(4, Environment.ProcessorCount / (target.Device.type == DeviceType.CPU ? 2 : 1)));

    private static int ThreadsPerRank(List<RankModel> models) =>
        Math.Max(1, Environment.ProcessorCount / Math.Max(1, models.Count(m => m.Device.type == DeviceType.CPU)));
}
