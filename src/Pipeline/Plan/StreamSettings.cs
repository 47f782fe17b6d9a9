using StreamDiff.Models.Diffusion;
using StreamDiff.Models.KvCache;
using StreamDiff.Pipeline.Stream;
using StreamDiff.Scheduling.Noise;

namespace StreamDiff.Pipeline.Plan;

/// <summary>How one stream is denoised.</summary>
/// <param name="Mode">Stream batch, sequential or text-to-video.</param>
/// <param name="Denoiser">Steps, caches, positions.</param>
/// <param name="Noise">Constants of the noise controller; null for text-to-video.</param>
public sealed record StreamSettings(DenoisingMode Mode, DenoiserOptions Denoiser, NoiseOptions? Noise)
{
    // Published settings of text-to-video: the last timestep is a clean pass that only refreshes the cache.
    internal const int MostSteps = 4;
    private const int TextToVideoLatentFrames = 3;
    private static readonly double[] TextToVideoTimesteps = [1000, 750, 500, 250, 0];

    /// <summary>All denoising steps of live modes that chunks can take, noisiest first.</summary>
    internal static IReadOnlyList<double> AllTimesteps(Models.Registry.ModelConfig model) =>
        [.. model.Diffusion.DenoisingSteps.Take(MostSteps).Select(t => (double)t)];

    /// <summary>Denoising steps that the stream's chunks can take, noisiest first.</summary>
    internal IReadOnlyList<double> Timesteps(Models.Registry.ModelConfig model) =>
        Mode == DenoisingMode.TextToVideo ? Denoiser.Timesteps : AllTimesteps(model);

    /// <summary>Groups the stream's frames as the mode wants them.</summary>
    public Chunker CreateChunker() =>
        Mode == DenoisingMode.TextToVideo ? new Chunker(TextToVideoLatentFrames, TextToVideoLatentFrames) : new Chunker();

    /// <summary>The model's defaults, and what the user wants otherwise.</summary>
    public static StreamSettings From(SamplingOptions options, Models.Registry.ModelConfig model, (int Width, int Height) size)
    {
        var (rows, columns) = (size.Height / 16, size.Width / 16);
        var fromText = options.Mode == DenoisingMode.TextToVideo;
        options = options.WithDefaultsOf(model);
        var geometry = new CacheGeometry(
            rows * columns, options.WindowFrames!.Value, options.SinkFrames!.Value, options.SinkThreshold!.Value);
        return new StreamSettings(
            options.Mode,
            new DenoiserOptions
            {
                Timesteps = fromText
                    ? TextToVideoTimesteps
                    : [.. model.Diffusion.DenoisingSteps.Take(options.Steps).Select(t => (double)t)],
                Geometry = geometry.Checked(),
                Rotation = options.Rope == RopeMode.Published ? KeyRotation.Published : KeyRotation.Relative,
                GridRows = rows,
                GridColumns = columns,
                Shift = model.Diffusion.Shift,
                OnOneLane = options.Mode != DenoisingMode.StreamBatch,
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
