using System.Diagnostics;
using StreamDiff.Models.Diffusion;
using StreamDiff.Models.KvCache;
using StreamDiff.Models.Wan;
using StreamDiff.Models.Wan.Layers;
using StreamDiff.Scheduling.Latency;
using TorchSharp;
using static TorchSharp.torch;

namespace StreamDiff.Pipeline.Calibration;

/// <summary>Which ticks are measured.</summary>
public sealed record TickCalibrationOptions
{
    /// <summary>Rows of a tick.</summary>
    public IReadOnlyList<int> Lanes { get; init; } = [1, 2, 4];

    /// <summary>Latent frames of each row.</summary>
    public IReadOnlyList<int> LatentFrames { get; init; } = [1, 2];

    /// <summary>Picture sizes.</summary>
    public required IReadOnlyList<(int Width, int Height)> Sizes { get; init; }

    /// <summary>
    /// Measuring goes on, pass after pass over all shapes, until this is over; the pass under way is finished if it is the first one.
    /// Default eight seconds.
    /// </summary>
    public TimeSpan Budget { get; init; } = TimeSpan.FromSeconds(8);

    /// <summary>Of the order in which shapes are measured. Default 1.</summary>
    public int Seed { get; init; } = 1;
}

/// <summary>
/// Times ticks of a loaded transformer at a grid of shapes, each from an empty cache to a full one. Shapes come in random order and in
/// passes, so that a disturbance does not fall on all samples of one shape; a shape's time is its shortest sample, since whatever else the
/// machine does only adds to it. Times hold for this device, model, type and number of threads only.
/// </summary>
public sealed class TickCalibration
{
    // Ticks after the cache is full: what a stream spends its life with is measured best.
    private const int FullTicks = 2;

    // The very first tick of a configuration pays for what the libraries prepare for it.
    private const int WarmUpTicks = 1;

    // A kind of tick that is issued for the second time is recorded as a graph, and replayed from then on.
    private const int RoundsToReplay = 3;
    private const double MostLaunching = 0.5;

    private readonly CausalWanModel _model;
    private readonly TickQueue _ticks;
    private readonly Func<(int Width, int Height), DenoiserOptions> _options;
    private readonly Dictionary<TickShape, double> _samples = [];

    private TickCalibration(CausalWanModel model, Func<(int Width, int Height), DenoiserOptions> options) =>
        (_model, _ticks, _options) = (model, new TickQueue(new LocalTickRunner(model)), options);

    /// <summary>Measures on the calling thread, which must be the one that owns the device; needs inference mode.</summary>
    /// <param name="model">Holds all blocks.</param>
    /// <param name="denoiser">Window, sinks and rotation of a stream of a size.</param>
    /// <param name="calibration">The grid.</param>
    /// <param name="cancellation">Ends it.</param>
    /// <returns>One sample a shape.</returns>
    public static IReadOnlyList<TickSample> Measure(
        CausalWanModel model, Func<(int Width, int Height), DenoiserOptions> denoiser, TickCalibrationOptions calibration,
        CancellationToken cancellation = default)
    {
        var run = new TickCalibration(model, denoiser);
        run.Passes(calibration, cancellation);
        return [.. run._samples.Select(s => new TickSample(s.Key, s.Value))];
    }

    private void Passes(TickCalibrationOptions calibration, CancellationToken cancellation)
    {
        var start = Stopwatch.GetTimestamp();
        var random = new Random(calibration.Seed);
        var configurations = (from size in calibration.Sizes
                              from lanes in calibration.Lanes
                              from frames in calibration.LatentFrames
                              select (size, lanes, frames)).ToArray();
        using var noise = new KeyedNoise(_model.Device);
        using var embeddings = zeros(1, 1, _model.Config.TextDim, device: _model.Device);
        var prompt = _model.EncodePrompt(embeddings);
        using (prompt)
        {
            for (var pass = 0; pass == 0 || Stopwatch.GetElapsedTime(start) < calibration.Budget; pass++)
            {
                random.Shuffle(configurations);
                foreach (var (size, lanes, frames) in configurations)
                {
                    cancellation.ThrowIfCancellationRequested();
                    if (pass > 0 && Stopwatch.GetElapsedTime(start) >= calibration.Budget)
                        return;
                    Fill(_options(size), lanes, frames, noise, prompt, WarmUpTicks * (pass == 0 ? 1 : 0));
                }
            }
        }
    }

    // Streams of one step each, together in every tick, until their lanes are full and a little longer.
    private void Fill(DenoiserOptions options, int lanes, int frames, KeyedNoise noise, PromptContext prompt, int warmUp)
    {
        var window = options.Geometry.WindowFrames;
        if (frames > window - options.Geometry.SinkFrames)
            return;
        using var scope = NewDisposeScope();
        using var pool = _ticks.Runner.CreatePool(options, lanes);
        var settings = new ChunkSettings(prompt, [options.Timesteps[0]]);
        var oneStep = options with { Timesteps = settings.Timesteps };
        var streams = Enumerable.Range(0, lanes).Select(i => new LaneStream(_ticks, pool, oneStep, noise, i)).ToList();
        try
        {
            var latents = randn([1, frames, _model.Config.InChannels, 2 * options.GridRows, 2 * options.GridColumns],
                device: _model.Device);
            for (var i = 0; i < warmUp; i++)
                Tick(streams, latents, settings);
            if (warmUp > 0)
                streams = Again(streams);
            // Where launching takes longer than computing, a stream's ticks will not be as now for long: they will be replayed.
            var rounds = Round() && _model.Device.type == DeviceType.CUDA ? RoundsToReplay : 1;
            for (var round = 1; round < rounds; round++)
            {
                streams = Again(streams);
                Round();
            }

            bool Round()
            {
                var (launching, full) = (0.0, 0);
                while (full < FullTicks)
                {
                    var held = streams[0].HeldFrames;
                    var (seconds, issuing) = Tick(streams, latents, settings);
                    Keep(Shape(lanes, frames, options.Geometry, held), seconds);
                    launching = issuing / seconds;
                    full += held + frames > window ? 1 : 0;
                }
                return launching > MostLaunching;
            }
        }
        finally
        {
            streams.ForEach(s => s.Dispose());
        }

        List<LaneStream> Again(List<LaneStream> before)
        {
            before.ForEach(s => s.Dispose());
            return [.. Enumerable.Range(0, lanes).Select(i => new LaneStream(_ticks, pool, oneStep, noise, i))];
        }
    }

    /// <summary>
    /// Shape of a tick of rows whose lanes hold so many latent frames. A full lane makes room for the new ones, so that attention never
    /// sees more than the window.
    /// </summary>
    public static TickShape Shape(int lanes, int frames, CacheGeometry geometry, int framesHeld) =>
        new(lanes, frames, geometry.FrameTokens, Math.Min(framesHeld, geometry.WindowFrames - frames));

    private (double Seconds, double Issuing) Tick(List<LaneStream> streams, Tensor latents, ChunkSettings settings)
    {
        using var scope = NewDisposeScope();
        foreach (var stream in streams)
            stream.Admit(latents, settings);
        var rows = streams.Select(s => (s, s.Ready[0])).ToList();
        Synchronize();
        var start = Stopwatch.GetTimestamp();
        _ticks.Issue(rows);
        var issuing = Stopwatch.GetElapsedTime(start).TotalSeconds;
        _ticks.Collect(wait: true);
        Synchronize();
        var seconds = Stopwatch.GetElapsedTime(start).TotalSeconds;
        foreach (var stream in streams)
        {
            stream.TryTake(out _, out var clean);
            clean.Dispose();
        }
        return (seconds, issuing);
    }

    private void Keep(TickShape shape, double seconds) =>
        _samples[shape] = Math.Min(seconds, _samples.GetValueOrDefault(shape, double.MaxValue));

    private void Synchronize()
    {
        if (_model.Device.type == DeviceType.CUDA)
            cuda.synchronize(_model.Device);
    }
}
