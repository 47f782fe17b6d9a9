using StreamDiff.Models.Registry;
using StreamDiff.Transport.Media;

namespace StreamDiff.Pipeline.Plan;

/// <summary>The values that a run has where its user says nothing.</summary>
public static class RestyleDefaults
{
    // Published settings of text-to-video.
    private const int TextToVideoWindow = 21;

    /// <summary>A mode's name, as options and model.json have it.</summary>
    public static string Name(this DenoisingMode mode) => mode switch
    {
        DenoisingMode.Sequential => "sequential",
        DenoisingMode.TextToVideo => "text-to-video",
        _ => "stream-batch",
    };

    /// <summary>The same options with everything said that the model decides: size, autoencoder, noise and cache.</summary>
    public static RestyleOptions WithDefaultsOf(this RestyleOptions options, ModelConfig model)
    {
        var fromText = options.Mode == DenoisingMode.TextToVideo;
        return options with
        {
            Size = options.Size ?? (model.DefaultSize.Width, model.DefaultSize.Height),
            Vae = options.Vae ?? model.Vae.Default,
            // Text-to-video begins with nothing but noise.
            NoiseScale = fromText ? options.NoiseScale : options.NoiseScale ?? model.Diffusion.NoiseScale,
            WindowFrames = options.WindowFrames ?? (fromText ? TextToVideoWindow : model.KvCache.WindowFrames),
            SinkFrames = options.SinkFrames ?? (fromText ? 0 : model.KvCache.SinkFrames),
            SinkThreshold = options.SinkThreshold ?? (fromText ? -1 : model.KvCache.SinkThreshold),
        };
    }

    /// <summary>How an output is encoded.</summary>
    internal static FileSinkOptions FileSinkOptions(this RestyleOptions options, string output) => new()
    {
        Output = output,
        VideoCodec = options.VideoCodec ?? "auto",
        Crf = options.Quality ?? DefaultQuality(options),
        Preset = options.Preset ?? "veryfast",
    };

    // A restyled picture is seen, not stored for editing: a little above x264's own default.
    private static int? DefaultQuality(RestyleOptions options) => options.VideoCodec is null or "libx264" ? 20 : null;
}
