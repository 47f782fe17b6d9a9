using System.Diagnostics;
using StreamDiff.Models;
using StreamDiff.Models.Diffusion;
using StreamDiff.Models.Loading;
using StreamDiff.Models.Loras;
using StreamDiff.Models.Native;
using StreamDiff.Models.Registry;
using StreamDiff.Models.Text;
using StreamDiff.Models.Vae;
using StreamDiff.Models.Wan;
using StreamDiff.Models.Wan.Layers;
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
    private readonly ComputePlan _plan;

    private LoadedModel(ComputePlan plan)
    {
        (_plan, Threads) = (plan, get_num_threads());
        Prompts = Own(new PromptReader(LoadTextEncoder));
    }

    public Model Model => _plan.Model;

    /// <summary>What was asked for.</summary>
    public ComputeOptions Options => _plan.Options;

    public ModelConfig Config => Model.Config;

    /// <summary>Where the VAE encodes and prompts are read, and in which type everything computes.</summary>
    public ComputeTarget Target => _plan.Target;

    /// <summary>Compute threads of libtorch.</summary>
    public int Threads { get; }

    /// <summary>Name of the VAE in use: taehv or wan.</summary>
    public string Vae => _plan.Vae;

    /// <summary>Which heads of the transformer look back on the whole window; null for all.</summary>
    public HeadSplit? Heads => _plan.Heads;

    /// <summary>What is added to the transformer's weights; null for nothing.</summary>
    public LoraSet? Loras { get; private set; }

    /// <summary>
    /// What was made of the model: how its heads are split (heads), what LoRAs do to it and what of them has no effect (lora), a line
    /// each.
    /// </summary>
    public IEnumerable<(string Part, string Text)> Notes
    {
        get
        {
            if (Heads is not null)
                yield return ("heads", Heads.ToString());
            foreach (var line in Loras is null ? [] : LoraReport.Summary(Loras))
                yield return ("lora", line["lora ".Length..]);
        }
    }

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

    /// <summary>How a stream of such a size is denoised.</summary>
    public StreamSettings Settings(SamplingOptions options, (int Width, int Height) size) => StreamSettings.From(options, Config, size);

    /// <summary>A text encoder of the caller's own, for measurements. It may be larger than everything else.</summary>
    public TextEncoder LoadTextEncoder() => ModelBundle.LoadTextEncoder(Model, Target.Device, Target.Type);

    /// <summary>Loads libtorch and a model.</summary>
    /// <param name="options">Model, VAE, device, type, threads, ranks.</param>
    /// <param name="threads">See <see cref="ComputePlan.Of"/>.</param>
    /// <param name="log">What happens to ranks, one line each.</param>
    /// <exception cref="ModelException">The model, a device or a rank cannot be used as asked.</exception>
    public static LoadedModel Open(ComputeOptions options, Func<ComputeTarget, int>? threads = null, Action<string>? log = null) =>
        Open(ComputePlan.Of(options, threads), log);

    /// <summary>The same for what has been found already.</summary>
    public static LoadedModel Open(ComputePlan plan, Action<string>? log = null)
    {
        using var inference = inference_mode();
        var loaded = new LoadedModel(plan);
        try
        {
            if (plan.OpenLoras() is { } loras)
                loaded.Loras = loaded.Own(loras);
            if (plan.Options.Ranks is null)
                loaded.OpenHere();
            else
                loaded.OpenRanks(plan.Options.Ranks, log ?? (_ => { }));
            return loaded;
        }
        catch (Exception e)
        {
            loaded.Dispose();
            if (e is LinkException)
                throw new ModelException(e.Message, e);
            if (HostMemory.IsExhausted(e))
            {
                var size = new FrameOptions().SizeFor(plan.Model);
                throw new MemoryNeed(plan.Model, plan.Vae, size, new SamplingOptions().Steps) { Heads = plan.Heads }
                    .Explained(e, plan.Target);
            }
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
            Transformer = Own(CausalWanModel.Load(
                _plan.Transformer, .., weights, Target.Device, Target.Type, loras: Loras));
        EncoderVae = DecoderVae = Own(ModelBundle.LoadVae(Model, Vae, Target.Device, Target.Type));
        Ticks = Own(new TickQueue(Own(new LocalTickRunner(Transformer))));
    }

    private void OpenRanks(RankList list, Action<string> log)
    {
        var options = _plan.Options;
        var clock = Stopwatch.StartNew();
        void Timed(string text) => log(FormattableString.Invariant($"{clock.Elapsed.TotalSeconds:0.0} s: {text}"));
        var targets = list.Devices.Select(d => ComputeTarget.Resolve(d, options.Type)).ToList();
        var directory = new LocalRanks();
        var models = targets.Select(
            t => new RankModel(
                _plan.Transformer, () => ModelBundle.OpenTransformer(Model), t.Device, t.Type, Loras)).ToList();
        var connector = new RankConnector(
            directory, RankConnector.CallerOptions(list.SecretFile, list.TlsAuthority),
            RankConnector.IdentityOf(Model, Target.Type, Loras, _plan.Transformer));
        if (models.Count > 0)
            Own(new LocalRankThreads(models, directory, connector, options.Threads ?? ThreadsPerRank(models), Timed));
        List<string> addresses = [.. models.Select((_, i) => LocalRankThreads.Address(i)), .. list.Remote];
        var ring = Own(new RankRing(new RankRingOptions { Blocks = Config.Dit.NumLayers }, addresses, connector) { Log = Timed });
        ring.Form();
        var balancer = new RankBalancer(BlockBalance.Continuous, new BlockSchedulerOptions());
        Ticks = Own(new TickQueue(Own(new RingTickRunner(ring, balancer))));
        Ticks.Recovered = (reason, chunks, took) =>
            Timed(FormattableString.Invariant(
                $"rebuilt on {ring.Ranges.Count} ranks in {took.TotalMilliseconds:0} ms, {chunks} chunks fed again: {reason}"));

        var last = Near(options.VaeDevice?.Decoder) ?? (targets.Count > 0 ? targets[^1].Device : Target.Device);
        var first = Near(options.VaeDevice?.Encoder) ?? Target.Device;
        EncoderVae = Own(ModelBundle.LoadVae(Model, Vae, first, Target.Type));
        DecoderVae = first.ToString() == last.ToString() ? EncoderVae : Own(ModelBundle.LoadVae(Model, Vae, last, Target.Type));

        Device? Near(DeviceName? name) => name is null ? null : ComputeTarget.Resolve(name, options.Type).Device;
    }

    private T Own<T>(T part)
        where T : IDisposable
    {
        _owned.Add(part);
        return part;
    }

    private static int ThreadsPerRank(List<RankModel> models) =>
        Math.Max(1, Environment.ProcessorCount / Math.Max(1, models.Count(m => m.Device.type == DeviceType.CPU)));
}
