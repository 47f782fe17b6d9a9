using System.Diagnostics;
using StreamDiff.Bench.Load;
using StreamDiff.Bench.Reports;
using StreamDiff.Models;
using StreamDiff.Models.Native;
using StreamDiff.Models.Registry;
using StreamDiff.Pipeline;
using StreamDiff.Pipeline.Live;
using static TorchSharp.torch;

namespace StreamDiff.Bench.Latency;

/// <summary>
/// The first frame of a process that has computed nothing yet. Measures once; a second call in the same process would be warm.
/// </summary>
public static class ColdStart
{
    public const string FirstFrame = "first frame, cold";

    public const string StartUp = "start-up";

    private static readonly TimeSpan Patience = TimeSpan.FromMinutes(5);

    /// <summary>
    /// Start-up (process start until the stream is ready) and first frame (from the first complete chunk received), each with its parts.
    /// </summary>
    /// <exception cref="ModelException">The model cannot be used.</exception>
    public static IReadOnlyList<Figure> Measure(RestyleOptions options)
    {
        using var process = Process.GetCurrentProcess();
        // The process's start is known to a hundredth of a second only.
        var began = TimeProvider.System.GetUtcNow() - process.StartTime.ToUniversalTime();
        var figures = new List<Figure>();
        var watch = Stopwatch.StartNew();
        void Part(string name)
        {
            figures.Add(Figure.Once($"{StartUp}: {name}", "ms", Better.None, watch.Elapsed.TotalMilliseconds));
            watch.Restart();
        }

        figures.Add(Figure.Once($"{StartUp}: .NET and command line", "ms", Better.None, began.TotalMilliseconds));
        LibTorch.Load();
        Part("libtorch");
        using var inference = inference_mode();
        using var model = LoadedModel.Open(options);
        Part("model weights");
        using (var encoder = model.LoadTextEncoder())
        {
            using var embeddings = encoder.Encode(options.Prompt.Length == 0 ? "a painting" : options.Prompt).Embeddings;
            using var prompt = model.Ticks.Runner.Encode(embeddings);
            Part("prompt");
        }
        var size = model.SizeOf(options);
        var settings = model.Settings(options.Steps, size);
        using var session = model.OpenStream(settings);
        using var frames = new TestFrames(size);
        using var given = new ManualResetEventSlim();
        var clock = new LiveClock(TimeProvider.System);
        var trace = new StageTrace(clock);
        using var path = new ModelPath(session, settings, clock, keepStamps: false, (frame, _) =>
        {
            frame.Dispose();
            given.Set();
        }, trace);
        Part("stream");
        figures.Insert(0, Figure.Once(StartUp, "ms", Better.Lower, figures.Sum(f => f.Value)));

        using var chunker = settings.CreateChunker();
        // The queue in front of the model holds four, so the frames of the first chunk may not all come at once.
        for (var i = 0; i < chunker.Wanted; i++)
        {
            path.Offer(frames.Give(i), clock.Now);
            given.Wait(TimeSpan.FromMilliseconds(2));
        }
        if (!given.Wait(Patience))
        {
            path.ThrowIfFailed();
            throw new BenchmarkException("no frame came out: the model is too slow for this machine");
        }
        return [.. figures, .. StageShares.FirstFrame(trace.Finished[0], FirstFrame)];
    }
}
