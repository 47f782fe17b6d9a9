using System.Globalization;
using StreamDiff.Bench.Hosts;
using StreamDiff.Bench.Load;
using StreamDiff.Bench.Reports;
using StreamDiff.Models;
using StreamDiff.Models.Native;
using StreamDiff.Pipeline.Loading;
using StreamDiff.Pipeline.Plan;
using StreamDiff.Pipeline.Stream;
using StreamDiff.Scheduling.Statistics;
using StreamDiff.Transport.Media;
using static TorchSharp.torch;

namespace StreamDiff.Bench.Precision;

/// <summary>
/// What a precision costs in quality: the same frames through float32, bfloat16 and bfloat16 with products in float8, compared where a
/// chunk leaves the transformer and where it leaves the decoder. How far bfloat16 is from float32 is the measure for the rest.
/// </summary>
public static class PrecisionBenchmark
{
    private const string Bfloat16 = "bfloat16 against float32";
    private const string Fp8 = "fp8 against bfloat16";

    /// <param name="options">Model, size, steps, device. Type and precision are the benchmark's own; where the device multiplies no float8
    /// its numbers are multiplied as what they stand for, which tells the same of quality and nothing of time.</param>
    /// <param name="chunks">Chunks of four frames.</param>
    /// <param name="log">Told what is done.</param>
    /// <exception cref="ModelException">The model cannot be used.</exception>
    public static BenchmarkReport Run(RestyleOptions options, int chunks, Action<string> log)
    {
        LibTorch.Load();
        var before = ProcessState.Now();
        var settings = new SortedDictionary<string, string>(StringComparer.Ordinal);
        Device device = CPU;
        List<Outcome> Of(ComputeType type, ComputePrecision precision)
        {
            log(OptionText.Word(precision == ComputePrecision.Fp8 ? precision : type));
            var compute = options.Compute with { Type = type, Precision = precision };
            using var model = LoadedModel.Open(ComputePlan.Of(compute, _ => get_num_threads(), emulates: true));
            device = model.Target.Device;
            foreach (var (name, value) in model.Describe(options.Sampling))
                settings[name] = value;
            return Stream(model, options, chunks);
        }
        using var scope = NewDisposeScope();
        var exact = Of(ComputeType.Float32, ComputePrecision.Auto);
        var coarse = Of(ComputeType.Bfloat16, ComputePrecision.Auto);
        var float8 = Of(ComputeType.Bfloat16, ComputePrecision.Fp8);
        settings.Remove("type");
        settings["chunks"] = chunks.ToString(CultureInfo.InvariantCulture);
        settings["steps"] = options.Sampling.Steps.ToString(CultureInfo.InvariantCulture);
        settings["frames"] = "drawn, moving; no prompt";
        return new BenchmarkReport
        {
            Benchmark = "precision",
            Hardware = HostDescription.Hardware(device),
            Software = HostDescription.Software(),
            Settings = settings,
            Conditions = HostConditions.Since(before),
            Cases = [Compared(Bfloat16, exact, coarse), Compared(Fp8, coarse, float8)],
        };
    }

    private static List<Outcome> Stream(LoadedModel model, RestyleOptions options, int chunks)
    {
        using var inference = inference_mode();
        var size = options.Frame.SizeFor(model.Model);
        using var pool = new FramePool();
        using var stream = new BenchStream(model, model.Settings(options.Sampling, size), options.Sampling.Seed);
        using var source = new SyntheticSource(size, pool);
        using var chunker = new Chunker();
        var outcomes = new List<Outcome>();
        while (outcomes.Count < chunks)
        {
            if (chunker.Add((VideoFrame)source.Read(CancellationToken.None)!) is not { } chunk)
                continue;
            using (chunk)
            using (var latents = stream.Encoder.Encode(chunk))
            using (var clean = stream.Denoiser.Next(latents))
            {
                if (clean is null)
                    continue;
                var kept = clean.Latents.to(ScalarType.Float32, CPU).DetachFromDisposeScope();
                var frames = stream.Decoder.Decode(clean);
                outcomes.Add(new Outcome(kept, [.. frames.Select(f => f.Pixels.ToArray())]));
                foreach (var frame in frames)
                    frame.Dispose();
            }
        }
        return outcomes;
    }

    private static BenchmarkCase Compared(string name, List<Outcome> expected, List<Outcome> actual)
    {
        var errors = expected.Zip(actual, (e, a) => RelativeError(e.Latents, a.Latents)).ToList();
        var psnr = expected.Zip(actual, (e, a) => e.Frames.Zip(a.Frames, Psnr)).SelectMany(p => p).ToList();
        var tail = errors.Count - Math.Max(errors.Count / 4, 1);
        return new BenchmarkCase(name,
            [
                Figure.Once("error of latents", "", Better.Lower, Distribution.Median(errors)),
                Figure.Once("error of latents, worst", "", Better.Lower, errors.Max()),
                Figure.Once("error of latents, last quarter", "", Better.Lower, Distribution.Median([.. errors.Skip(tail)])),
                Figure.Once("PSNR of frames", "dB", Better.Higher, Distribution.Median(psnr)),
                Figure.Once("PSNR of frames, worst", "dB", Better.Higher, psnr.Min()),
            ], new Dictionary<string, IReadOnlyList<Point>>());
    }

    private static double RelativeError(Tensor expected, Tensor actual)
    {
        using var scope = NewDisposeScope();
        return actual.sub(expected).norm().item<float>() / Math.Max(expected.norm().item<float>(), 1e-12f);
    }

    // In dB; identical frames count as 100.
    private static double Psnr(byte[] expected, byte[] actual)
    {
        var sum = 0.0;
        for (var i = 0; i < expected.Length; i++)
            sum += Math.Pow(expected[i] - actual[i], 2);
        return sum == 0 ? 100 : Math.Min(100, 10 * Math.Log10(255.0 * 255 * expected.Length / sum));
    }

    private sealed record Outcome(Tensor Latents, IReadOnlyList<byte[]> Frames);
}
