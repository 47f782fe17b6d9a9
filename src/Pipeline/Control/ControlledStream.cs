using StreamDiff.Models;
using StreamDiff.Models.Diffusion;
using StreamDiff.Models.KvCache;
using StreamDiff.Pipeline.Chunking;
using StreamDiff.Pipeline.Control.Logs;
using StreamDiff.Pipeline.Decoding;
using StreamDiff.Pipeline.Denoising;
using StreamDiff.Pipeline.Encoding;
using static TorchSharp.torch;

namespace StreamDiff.Pipeline.Control;

/// <summary>One stream whose settings change while it runs, on one device.</summary>
internal sealed class ControlledStream : IRestyleStream
{
    internal const string NothingButNoise = "noise has no effect in text-to-video: there is nothing but noise";

    private readonly KvCachePool _pool;
    private readonly KeyedNoise _noise;
    private readonly StreamSteering _steering;
    private readonly LaneChunkDenoiser _denoiser;

    /// <param name="models">Networks; must outlive the stream.</param>
    /// <param name="settings">How it begins.</param>
    /// <param name="options">The run's.</param>
    /// <param name="control">What changes it; its log is written here and stays the caller's.</param>
    /// <param name="time">From a frame's stamp or duration to time.</param>
    /// <param name="frames">Pool for the frames it gives.</param>
    /// <param name="note">Told what the user should know.</param>
    /// <exception cref="ControlException">The timeline asks for what this stream cannot do.</exception>
    public ControlledStream(ModelBundle models, SessionSettings settings, RestyleOptions options, RunControl control, Func<long, TimeSpan> time, Transport.Media.FramePool frames, Action<StreamNote> note)
    {
        var fromText = settings.Mode == DenoisingMode.TextToVideo;
        var given = settings.Denoiser;
        IReadOnlyList<double> timesteps = fromText ? given.Timesteps : [.. models.Config.Diffusion.DenoisingSteps.Take(4).Select(t => (double)t)];
        var limits = Limits(given.Geometry, timesteps.Count, fromText);
        var known = control.Known.ToList();
        var isOpen = control.IsOpenEnded && !fromText;
        var lanes = isOpen ? timesteps.Count : known.OfType<StepsChange>().Select(s => s.Steps).Append(given.Timesteps.Count).Max();
        var shape = given with
        {
            Timesteps = [.. timesteps.Take(Math.Min(lanes, timesteps.Count))],
            Geometry = isOpen || known.OfType<SinksChange>().Any() ? Roomy(given.Geometry) : given.Geometry,
        };
        var book = new PromptBook(models.LoadTextEncoder, control.IsOpenEnded, models.Transformer.Device, new StreamNotes(models.Name, models.Config, options.Prompt, note));
        try
        {
            book.Prepare(options.Prompt).GetAwaiter().GetResult();
            control.Controls.Open(limits, book.Prepare);
        }
        catch
        {
            book.Dispose();
            throw;
        }
        var state = new ControlState(settings.Noise?.Scale ?? 1, given.Timesteps.Count, options.Seed, given.Geometry.SinkFrames, given.Geometry.SinkThreshold);
        _steering = new StreamSteering(control.Controls, book, book.Take(options.Prompt), state, time, control.Log);
        _noise = new KeyedNoise(models.Transformer.Device);
        _pool = models.Transformer.CreateCache(shape.Timesteps.Count, shape.Geometry, shape.Rotation);
        _denoiser = new LaneChunkDenoiser(
            models.Transformer, new LaneStream(_pool, shape, _noise, options.Seed), _steering, new StreamNoise(settings.Noise, _noise), timesteps, settings.Mode != DenoisingMode.StreamBatch);
        Encoder = fromText ? new BlankEncoder(models.Config.Dit.InDim, 2 * given.GridRows, 2 * given.GridColumns, models.Transformer.Device) : new ChunkEncoder(models.Vae);
        Decoder = new ChunkDecoder(models.Vae, frames) { CanHold = true, Decoded = control.Log is { } log ? (chunk, made) => Write(log, chunk, made) : null };
    }

    public IChunkEncoder Encoder { get; }

    public IChunkDenoiser Denoiser => _denoiser;

    public ChunkDecoder Decoder { get; }

    public void Dispose()
    {
        Encoder.Dispose();
        Decoder.Dispose();
        _denoiser.Dispose();
        _pool.Dispose();
        _noise.Dispose();
        _steering.Dispose();
    }

    /// <summary>What such a stream can change.</summary>
    internal static ControlLimits Limits(CacheGeometry geometry, int steps, bool fromText) => new()
    {
        MostSteps = steps,
        WindowFrames = geometry.WindowFrames,
        Refused = !fromText ? new Dictionary<Type, string>() : new Dictionary<Type, string>
        {
            [typeof(NoiseScaleChange)] = NothingButNoise,
            [typeof(StepsChange)] = "steps cannot change in text-to-video: the model was made for its five",
            [typeof(SinksChange)] = "sinks cannot change in text-to-video: its window has none",
        },
    };

    // Room for as many sinks as the window can have, and for looking at them, whatever the stream begins with: each chunk says what it wants.
    private static CacheGeometry Roomy(CacheGeometry geometry) =>
        geometry with { SinkFrames = geometry.WindowFrames - 1, SinkThreshold = geometry.SinkThreshold > -1 ? geometry.SinkThreshold : 0 };

    private static void Write(SessionLogWriter log, LatentChunk chunk, IReadOnlyList<Transport.Media.VideoFrame> frames) =>
        log.Write(new LoggedChunk(chunk.Index, [.. chunk.Timing.Select(t => t.Index)], FrameDigest.Of(frames)));
}
