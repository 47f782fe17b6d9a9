using StreamDiff.Models.Diffusion;
using StreamDiff.Models.Wan.Layers;
using StreamDiff.Pipeline.Control;
using StreamDiff.Pipeline.Loading;
using StreamDiff.Pipeline.Plan;
using StreamDiff.Pipeline.Stream;
using StreamDiff.Transport.Media;
using static TorchSharp.torch;

namespace StreamDiff.Bench.Hosts;

/// <summary>
/// One stream without a prompt, to be measured: what a prompt says does not change what a tick costs, and the text encoder may be larger
/// than everything else. Its stages by hand, one after the other; as a session it is a
/// <see cref="Pipeline.Runs.MeasuredSession"/>.
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
