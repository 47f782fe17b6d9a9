using StreamDiff.Models.Diffusion;
using StreamDiff.Models.Wan.Layers;
using StreamDiff.Pipeline.Control;
using StreamDiff.Pipeline.Control.Steering;
using StreamDiff.Pipeline.Host;
using StreamDiff.Pipeline.Loading;
using StreamDiff.Pipeline.Plan;
using StreamDiff.Pipeline.Stream;
using StreamDiff.Pipeline.Telemetry;
using StreamDiff.Scheduling.Batching;
using StreamDiff.Scheduling.Slo;
using StreamDiff.Transport.Media;
using static TorchSharp.torch;

namespace StreamDiff.Bench.Hosts;

/// <summary>
/// One stream without a prompt, to be measured: what a prompt says does not change what a tick costs, and the text encoder may be larger
/// than everything else. Its stages by hand, one after the other; or as a session of a host of its own, which is how runs do it.
/// </summary>
internal sealed class BenchStream : IDisposable
{
    private readonly FramePool _frames = new();
    private readonly KeyedNoise _noise;
    private readonly LanePool _pool;
    private readonly IPrompt _prompt;

    /// <param name="model">Stays the caller's and must outlive the stream.</param>
    /// <param name="settings">How it is denoised.</param>
    /// <param name="seed">Of its noise. Default 0.</param>
    public BenchStream(LoadedModel model, StreamSettings settings, long seed = 0)
    {
        var (runner, shape) = (model.Ticks.Runner, settings.Denoiser);
        _noise = new KeyedNoise(runner.Device);
        using (var embeddings = zeros(1, 1, model.Config.Dit.TextDim, device: runner.Device))
            _prompt = runner.Encode(embeddings);
        _pool = runner.CreatePool(shape, shape.OnOneLane ? 1 : shape.Timesteps.Count);
        var mixing = new StreamNoise(settings.Noise, _noise);
        var (steps, geometry) = (shape.Timesteps.Count, shape.Geometry);
        var state = new ControlState(settings.Noise?.Scale ?? 1, steps, seed, geometry.SinkFrames, geometry.SinkThreshold);
        Denoiser = new LaneDenoiser(model.Ticks, new LaneStream(model.Ticks, _pool, shape, _noise, seed), (number, chunk) =>
        {
            var (noisy, first) = mixing.Apply(state, number, chunk.Latents, chunk.Motion);
            return (noisy, new ChunkSettings(_prompt, [first ?? shape.Timesteps[0], .. shape.Timesteps.Skip(1)]) { Seed = seed });
        });
        Encoder = new ChunkEncoder(model.EncoderVae);
        Decoder = new ChunkDecoder(model.DecoderVae, _frames);
    }

    public ChunkEncoder Encoder { get; }

    public LaneDenoiser Denoiser { get; }

    public ChunkDecoder Decoder { get; }

    /// <summary>Bytes of its KV cache in this process.</summary>
    public long CacheBytes => _pool.Bytes;

    /// <summary>A host for one session of a model, with the policy that a run without a deadline has.</summary>
    public static SessionHost Host(LoadedModel model, SamplingOptions sampling, LiveClock clock)
    {
        var isBatch = sampling.Mode == DenoisingMode.StreamBatch;
        var options = new HostOptions { Lanes = isBatch ? sampling.Steps : 1, Workers = 2, Refuses = false };
        return new SessionHost(model, options, isBatch ? new FixedStreamBatch() : new FixedSequential(), clock);
    }

    /// <summary>A session for it.</summary>
    public static SessionRequest Request(SamplingOptions sampling, (int Width, int Height) size) =>
        new("bench", sampling, size, new SessionSlo { Deadline = TimeSpan.FromDays(1), Ladder = [] })
        {
            Controls = new StreamControls(isOpenEnded: false),
            IsUnprompted = true,
        };

    public void Dispose()
    {
        Encoder.Dispose();
        Decoder.Dispose();
        Denoiser.Dispose();
        _pool.Dispose();
        _prompt.Dispose();
        _noise.Dispose();
        _frames.Dispose();
    }
}
