using System.Diagnostics;
using System.Globalization;
using StreamDiff.Bench.Hosts;
using StreamDiff.Bench.Load;
using StreamDiff.Bench.Reports;
using StreamDiff.Bench.Statistics;
using StreamDiff.Models;
using StreamDiff.Models.Native;
using StreamDiff.Pipeline.Loading;
using StreamDiff.Pipeline.Plan;
using StreamDiff.Pipeline.Stream;
using StreamDiff.Scheduling.Statistics;
using StreamDiff.Transport.Media;
using StreamDiff.Transport.Media.Live;
using static TorchSharp.torch;

namespace StreamDiff.Bench.Heads;

/// <summary>
/// What a split of attention heads saves and costs: the same chunks through streams with all heads on the whole window and through streams
/// with split ones, in a window and in one three times as long. They take turns chunk by chunk, so that whatever else the machine does
/// meets all of them alike.
/// </summary>
public static class HeadsBenchmark
{
    private const int Times = 3;
    private const int WarmUp = 4;

    // Chunks that tell of the beginning and of the end: about three seconds.
    private const int Few = 24;

    /// <param name="options">Model, size, steps, window, device, and the split.</param>
    /// <param name="input">A file, which begins again when it ends; null for drawn frames that move.</param>
    /// <param name="chunks">Chunks of four frames.</param>
    /// <param name="log">Told how far it is.</param>
    /// <exception cref="ModelException">The model or the split cannot be used.</exception>
    /// <exception cref="MediaException">The input cannot be read.</exception>
    public static BenchmarkReport Run(RestyleOptions options, MediaAddress? input, int chunks, Action<string> log)
    {
        LibTorch.Load();
        using var inference = inference_mode();
        var before = ProcessState.Now();
        using var whole = Open(options, options.Compute with { Heads = ComputeOptions.AllHeads });
        using var split = Open(options, options.Compute);
        var window = options.Sampling.WithDefaultsOf(whole.Config).WindowFrames!.Value;
        // When all windows are full.
        var measured = WarmUp + Times * window;
        using var full = new Variant(whole, options, window, measured);
        using var shorter = new Variant(split, options, window, measured);
        using var fullLong = new Variant(whole, options, Times * window, measured);
        using var shorterLong = new Variant(split, options, Times * window, measured);
        var size = options.Frame.SizeFor(whole.Model);
        Variant[] all = [full, shorter, fullLong, shorterLong];
        using var frames = new FramePool();
        using var source = new EndlessFrames(options, size, input, frames);
        using var chunker = new Chunker();
        for (var done = 0; done < chunks;)
        {
            if (chunker.Add(source.Next()) is not { } chunk)
                continue;
            using (chunk)
            {
                using var latents = full.Stream.Encoder.Encode(chunk);
                var given = Colour(chunk.Frames.Select(f => f.Pixels.ToArray()));
                foreach (var variant in all)
                    variant.Do(latents, given);
                if (full.Now is null)
                    continue;
                shorter.Compare(full);
                fullLong.Compare(full);
                shorterLong.Compare(fullLong);
                if (++done % 50 == 0)
                    log(FormattableString.Invariant($"{done} of {chunks} chunks"));
            }
        }
        var settings = split.Describe(options.Sampling);
        settings["chunks"] = chunks.ToString(CultureInfo.InvariantCulture);
        settings["steps"] = options.Sampling.Steps.ToString(CultureInfo.InvariantCulture);
        settings["size"] = FormattableString.Invariant($"{size.Width}x{size.Height}");
        settings["frames"] = input is null ? "drawn, moving; no prompt" : "a file, over and over; no prompt";
        return new BenchmarkReport
        {
            Benchmark = "heads",
            Hardware = HostDescription.Hardware(whole.Target.Device),
            Software = HostDescription.Software(),
            Settings = settings,
            Conditions = HostConditions.Since(before),
            Cases =
            [
                full.Case($"window {window}, all heads", full),
                shorter.Case($"window {window}, split", full),
                fullLong.Case($"window {Times * window}, all heads", full),
                shorterLong.Case($"window {Times * window}, split", full),
            ],
        };
    }

    private static LoadedModel Open(RestyleOptions options, ComputeOptions compute) => LoadedModel.Open(compute, _ => get_num_threads());

    private static double[] Colour(IEnumerable<byte[]> frames)
    {
        var sums = new double[3];
        var count = 0L;
        foreach (var frame in frames)
        {
            for (var i = 0; i + 2 < frame.Length; i += 3)
                for (var c = 0; c < 3; c++)
                    sums[c] += frame[i + c];
            count += frame.Length / 3;
        }
        return Array.ConvertAll(sums, s => s / count);
    }

    /// <summary>One way to hold the window.</summary>
    private sealed class Variant(LoadedModel model, RestyleOptions options, int window, int measured) : IDisposable
    {
        private readonly List<double> _seconds = [];
        private readonly List<double> _busy = [];
        private readonly List<double> _errors = [];
        private readonly List<double> _psnr = [];
        private readonly List<double> _colours = [];
        private readonly List<double[]> _tints = [];
        private readonly Queue<double[]> _given = new();

        public BenchStream Stream { get; } = new(
            model, model.Settings(options.Sampling with { WindowFrames = window }, options.Frame.SizeFor(model.Model)),
            options.Sampling.Seed);

        /// <summary>The chunk that came out last; null while none has.</summary>
        public (Tensor Latents, IReadOnlyList<byte[]> Frames)? Now { get; private set; }

        public void Do(LatentChunk latents, double[] given)
        {
            Now?.Latents.Dispose();
            Now = null;
            _given.Enqueue(given);
            var (start, used) = (Stopwatch.GetTimestamp(), Environment.CpuUsage.TotalTime);
            using var clean = Stream.Denoiser.Next(latents);
            var kept = clean?.Latents.to(ScalarType.Float32, CPU).DetachFromDisposeScope();
            var (seconds, busy) = (Stopwatch.GetElapsedTime(start).TotalSeconds, (Environment.CpuUsage.TotalTime - used).TotalSeconds);
            if (clean is null)
                return;
            var frames = Stream.Decoder.Decode(clean);
            Now = (kept!, [.. frames.Select(f => f.Pixels.ToArray())]);
            foreach (var frame in frames)
                frame.Dispose();
            var (before, after) = (_given.Dequeue(), Colour(Now.Value.Frames));
            _tints.Add([.. after.Zip(before, (a, b) => a - b)]);
            if (_tints.Count <= measured)
                return;
            _seconds.Add(seconds);
            _busy.Add(busy);
        }

        public void Compare(Variant reference)
        {
            var ((latents, frames), (expected, wanted)) = (Now!.Value, reference.Now!.Value);
            using var difference = latents.sub(expected);
            _errors.Add(difference.norm().item<float>() / Math.Max(expected.norm().item<float>(), 1e-12f));
            _psnr.AddRange(frames.Zip(wanted, Pictures.Psnr));
            _colours.Add(Colour(frames).Zip(Colour(wanted), (a, b) => Math.Abs(a - b)).Max());
        }

        public BenchmarkCase Case(string name, Variant reference)
        {
            var figures = new List<Figure>
            {
                Figure.Once("tick", "ms", Better.Lower, 1e3 * Distribution.Median(_seconds)),
                Figure.Once("of the first", "x", Better.Lower, Ratio(_seconds, reference._seconds)),
                Figure.Once("processor time", "ms", Better.Lower, 1e3 * Distribution.Median(_busy)),
                Figure.Once("processor time of the first", "x", Better.Lower, Ratio(_busy, reference._busy)),
                Figure.Once("cache", "MiB", Better.Lower, Stream.CacheBytes / 1048576.0),
                Figure.Once("colour moved", "levels", Better.Lower, Moved()),
            };
            if (_errors.Count > 0)
                figures.AddRange(
                [
                    Figure.Once("error of latents", "", Better.Lower, Distribution.Median(_errors)),
                    Figure.Once("error at the end", "", Better.Lower, Distribution.Median([.. _errors.TakeLast(Few)])),
                    Figure.Once("PSNR", "dB", Better.Higher, Distribution.Median(_psnr)),
                    Figure.Once("PSNR at the end", "dB", Better.Higher, Distribution.Median([.. _psnr.TakeLast(4 * Few)])),
                    Figure.Once("colour off", "levels", Better.Lower, Distribution.Median(_colours)),
                    Figure.Once("colour off at the end", "levels", Better.Lower, Distribution.Median([.. _colours.TakeLast(Few)])),
                ]);
            return new BenchmarkCase(name, figures, new Dictionary<string, IReadOnlyList<Point>>
            {
                ["error of latents"] = [.. _errors.Select((e, i) => new Point(i, e))],
            });
        }

        public void Dispose()
        {
            Now?.Latents.Dispose();
            Stream.Dispose();
        }

        // Chunk by chunk.
        private static double Ratio(List<double> seconds, List<double> reference) =>
            seconds.Count == 0 ? 0 : Distribution.Median([.. seconds.Zip(reference, (s, r) => s / Math.Max(r, 1e-9))]);

        // How far the difference of output and input in mean colour has moved from the first chunks to the last.
        private double Moved()
        {
            var (first, last) = (_tints.Take(Few).ToList(), _tints.TakeLast(Few).ToList());
            return Enumerable.Range(0, 3).Max(c => Math.Abs(last.Average(t => t[c]) - first.Average(t => t[c])));
        }
    }
}
