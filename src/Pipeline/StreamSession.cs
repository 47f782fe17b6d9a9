using StreamDiff.Models;
using StreamDiff.Models.Diffusion;
using StreamDiff.Models.KvCache;
using StreamDiff.Models.Wan;
using StreamDiff.Pipeline.Chunking;
using StreamDiff.Pipeline.Decoding;
using StreamDiff.Pipeline.Denoising;
using StreamDiff.Pipeline.Encoding;
using StreamDiff.Pipeline.Noising;
using StreamDiff.Scheduling.Noise;
using StreamDiff.Transport.Media;

namespace StreamDiff.Pipeline;

/// <summary>Everything that belongs to one stream and to nothing else: VAE memories, KV cache lanes, what is in flight, noise, prompt. Weights are shared.</summary>
public sealed class StreamSession : IRestyleStream
{
    private readonly INoiseSource _noise;
    private readonly PromptContext _prompt;
    private readonly StreamDenoiser _denoiser;

    /// <param name="models">Networks; must outlive the session.</param>
    /// <param name="settings">How this stream is denoised.</param>
    /// <param name="prompt">What it should become; the session takes it over.</param>
    /// <param name="noise">Its noise; the session takes it over.</param>
    /// <param name="frames">Pool for the frames it gives.</param>
    public StreamSession(ModelBundle models, SessionSettings settings, PromptContext prompt, INoiseSource noise, FramePool frames)
    {
        _noise = noise;
        _prompt = prompt;
        _denoiser = settings.Mode == DenoisingMode.StreamBatch
            ? new StreamBatch(models.Transformer, prompt, noise, settings.Denoiser)
            : new SequentialDenoiser(models.Transformer, prompt, noise, settings.Denoiser);
        Encoder = settings.Mode == DenoisingMode.TextToVideo
            ? new BlankEncoder(models.Config.Dit.InDim, 2 * settings.Denoiser.GridRows, 2 * settings.Denoiser.GridColumns, models.Transformer.Device)
            : new ChunkEncoder(models.Vae);
        Denoiser = new ChunkDenoiser(_denoiser, new ChunkNoiser(settings.Noise, noise));
        Decoder = new ChunkDecoder(models.Vae, frames);
    }

    public IChunkEncoder Encoder { get; }

    public ChunkDenoiser Denoiser { get; }

    IChunkDenoiser IRestyleStream.Denoiser => Denoiser;

    public ChunkDecoder Decoder { get; }

    /// <summary>Bytes of this stream's KV cache.</summary>
    public long CacheBytes => _denoiser.Cache.Bytes;

    public void Dispose()
    {
        Encoder.Dispose();
        Decoder.Dispose();
        _denoiser.Dispose();
        _prompt.Dispose();
        _noise.Dispose();
    }
}

/// <summary>How one stream is denoised.</summary>
/// <param name="Mode">Stream batch, sequential or text-to-video.</param>
/// <param name="Denoiser">Steps, caches, positions.</param>
/// <param name="Noise">Constants of the noise controller; null for text-to-video.</param>
public sealed record SessionSettings(DenoisingMode Mode, DenoiserOptions Denoiser, NoiseOptions? Noise)
{
    // Published settings of text-to-video: the last timestep is a clean pass that only refreshes the cache.
    private const int TextToVideoLatentFrames = 3;
    private static readonly double[] TextToVideoTimesteps = [1000, 750, 500, 250, 0];

    /// <summary>Groups the stream's frames as the mode wants them.</summary>
    public Chunker CreateChunker() => Mode == DenoisingMode.TextToVideo ? new Chunker(TextToVideoLatentFrames, TextToVideoLatentFrames) : new Chunker();

    /// <summary>The model's defaults, and what the user wants otherwise.</summary>
    public static SessionSettings From(RestyleOptions options, Models.Registry.ModelConfig model, (int Width, int Height) size)
    {
        var (rows, columns) = (size.Height / 16, size.Width / 16);
        var fromText = options.Mode == DenoisingMode.TextToVideo;
        options = options.WithDefaultsOf(model);
        var geometry = new CacheGeometry(rows * columns, options.WindowFrames!.Value, options.SinkFrames!.Value, options.SinkThreshold!.Value);
        return new SessionSettings(
            options.Mode,
            new DenoiserOptions
            {
                Timesteps = fromText ? TextToVideoTimesteps : [.. model.Diffusion.DenoisingSteps.Take(options.Steps).Select(t => (double)t)],
                Geometry = geometry.Checked(),
                Rotation = options.Rope == RopeMode.Published ? KeyRotation.Published : KeyRotation.Relative,
                GridRows = rows,
                GridColumns = columns,
                Shift = model.Diffusion.Shift,
            },
            fromText ? null : new NoiseOptions
            {
                Scale = options.NoiseScale!.Value,
                Range = model.Diffusion.NoiseRange,
                ReferenceMotion = model.Diffusion.NoiseReference,
                Momentum = model.Diffusion.NoiseMomentum,
                TimestepOffset = model.Diffusion.TimestepOffset,
            });
    }
}
