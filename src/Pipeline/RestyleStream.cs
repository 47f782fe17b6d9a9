using StreamDiff.Models;
using StreamDiff.Models.Diffusion;
using StreamDiff.Models.KvCache;
using StreamDiff.Pipeline.Chunking;
using StreamDiff.Pipeline.Control;
using StreamDiff.Pipeline.Control.Logs;
using StreamDiff.Pipeline.Decoding;
using StreamDiff.Pipeline.Denoising;
using StreamDiff.Pipeline.Encoding;
using StreamDiff.Transport.Media;
using static TorchSharp.torch;

namespace StreamDiff.Pipeline;

/// <summary>
/// Everything that belongs to one stream and to nothing else: VAE memories, lanes, what is in flight, noise, prompt, settings that change while it runs. The model is shared. Each of
/// the three stages is used by one thread.
/// </summary>
public sealed class RestyleStream : IDisposable
{
    private readonly LanePool _pool;
    private readonly KeyedNoise _noise;
    private readonly ChunkSteering _steering;
    private readonly ChunkDenoiser _denoiser;

    /// <param name="model">Must outlive the stream.</param>
    /// <param name="settings">How it begins.</param>
    /// <param name="options">The run's.</param>
    /// <param name="control">What changes it; its log is written here and stays the caller's.</param>
    /// <param name="time">From a frame's stamp or duration to time.</param>
    /// <param name="frames">Pool for the frames it gives.</param>
    /// <param name="note">Told what the user should know.</param>
    /// <param name="embeddings">float32 [1, tokens, text_dim] on the runner's device, in place of what the prompt says; taken over. Default null.</param>
    /// <exception cref="ControlException">The timeline asks for what this stream cannot do.</exception>
    internal RestyleStream(
        LoadedModel model, SessionSettings settings, RestyleOptions options, RunControl control, Func<long, TimeSpan> time, FramePool frames, Action<StreamNote> note,
        Tensor? embeddings = null)
    {
        var fromText = settings.Mode == DenoisingMode.TextToVideo;
        var given = settings.Denoiser;
        IReadOnlyList<double> timesteps = fromText ? given.Timesteps : SessionSettings.AllTimesteps(model.Config);
        var limits = SettingLimits.Of(given.Geometry, timesteps.Count, fromText);
        var known = control.Known.ToList();
        var isOpen = control.IsOpenEnded && !fromText;
        var lanes = isOpen ? timesteps.Count : known.OfType<StepsChange>().Select(s => s.Steps).Append(given.Timesteps.Count).Max();
        var shape = given with
        {
            Timesteps = [.. timesteps.Take(Math.Min(lanes, timesteps.Count))],
            Geometry = isOpen || known.OfType<SinksChange>().Any() ? SettingLimits.Roomy(given.Geometry) : given.Geometry,
        };
        var runner = model.Ticks.Runner;
        var book = new PromptBook(
            model.Prompts, control.IsOpenEnded, runner.Device, new StreamNotes(model.Model.Name, model.Config, options.Prompt, note));
        // Loaded once for the first prompt and for those of the timeline.
        using var hold = model.Prompts.Hold();
        try
        {
            if (embeddings is null)
                book.Prepare(options.Prompt).GetAwaiter().GetResult();
            control.Controls.Open(limits, book.Prepare);
            var state = new ControlState(settings.Noise?.Scale ?? 1, given.Timesteps.Count, options.Seed, given.Geometry.SinkFrames, given.Geometry.SinkThreshold);
            var steering = new StreamSteering(control.Controls, book, embeddings ?? book.Take(options.Prompt), state, time, control.Log);
            _noise = new KeyedNoise(runner.Device);
            _steering = new ChunkSteering(runner, steering, new StreamNoise(settings.Noise, _noise), timesteps);
            _pool = runner.CreatePool(shape, shape.OnOneLane ? 1 : shape.Timesteps.Count);
            _denoiser = new ChunkDenoiser(model.Ticks, new LaneStream(model.Ticks, _pool, shape, _noise, options.Seed), _steering, control.Controls.TickLag);
            Encoder = fromText
                ? new BlankEncoder(model.Config.Dit.InDim, 2 * given.GridRows, 2 * given.GridColumns, runner.Device)
                : new ChunkEncoder(model.EncoderVae);
            Decoder = new ChunkDecoder(model.DecoderVae, frames)
            {
                CanHold = true,
                Decoded = control.Log is { } log ? (chunk, made) => Write(log, chunk, made) : null,
            };
        }
        catch
        {
            // There may be no room for the caches: what was made before may hold the text encoder. The steering has taken the book over.
            if (_steering is null)
                book.Dispose();
            Dispose();
            throw;
        }
    }

    public IChunkEncoder Encoder { get; }

    public IChunkDenoiser Denoiser => _denoiser;

    public ChunkDecoder Decoder { get; }

    /// <summary>Bytes of this stream's KV cache in this process.</summary>
    public long CacheBytes => _pool.Bytes;

    public void Dispose()
    {
        // Some are null where the constructor failed.
        Encoder?.Dispose();
        Decoder?.Dispose();
        _denoiser?.Dispose();
        _steering?.Dispose();
        _steering?.Ended.Wait();
        _pool?.Dispose();
        _noise?.Dispose();
    }

    private static void Write(SessionLogWriter log, LatentChunk chunk, IReadOnlyList<VideoFrame> frames) =>
        log.Write(new LoggedChunk(chunk.Index, [.. chunk.Timing.Select(t => t.Index)], FrameDigest.Of(frames)));
}
