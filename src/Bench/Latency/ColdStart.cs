using System.Diagnostics;
using StreamDiff.Bench.Hosts;
using StreamDiff.Bench.Load;
using StreamDiff.Bench.Reports;
using StreamDiff.Models;
using StreamDiff.Models.Native;
using StreamDiff.Pipeline.Host;
using StreamDiff.Pipeline.Loading;
using StreamDiff.Pipeline.Plan;
using StreamDiff.Pipeline.Runs;
using StreamDiff.Pipeline.Stream;
using StreamDiff.Pipeline.Telemetry;
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
        using var model = LoadedModel.Open(options.Compute);
        Part("model weights");
        using (var encoder = model.LoadTextEncoder())
        {
            using var embeddings = encoder.Encode(options.Sampling.Prompt is { Length: > 0 } text ? text : "a painting").Embeddings;
            using var prompt = model.Ticks.Runner.Encode(embeddings);
            Part("prompt");
        }
        var size = options.Frame.SizeFor(model.Model);
        using var pictures = new TestFrames(size);
        using var given = new ManualResetEventSlim();
        ChunkTrace? first = null;
        using var host = MeasuredSession.Host(model, options.Sampling, new LiveClock(TimeProvider.System));
        var request = MeasuredSession.Request(options.Sampling, size) with
        {
            Traced = chunk =>
            {
                first ??= chunk;
                given.Set();
            },
        };
        using var session = host.Start(request, finished => finished.Frame.Dispose());
        Part("stream");
        figures.Insert(0, Figure.Once(StartUp, "ms", Better.Lower, figures.Sum(f => f.Value)));

        for (var i = 0; i <= Chunker.FramesPerLatent; i++)
            session.Offer(pictures.Give(i), host.Clock.Now);
        if (!given.Wait(Patience))
        {
            if (session.Fault is not null)
                session.Completed.GetAwaiter().GetResult();
            throw new BenchmarkException("no frame came out: the model is too slow for this machine");
        }
        return [.. figures, .. StageShares.FirstFrame(first!, FirstFrame)];
    }
}
