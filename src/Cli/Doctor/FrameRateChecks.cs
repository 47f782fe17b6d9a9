using System.Globalization;
using StreamDiff.CommandLine;
using StreamDiff.Models;
using StreamDiff.Models.Native;
using StreamDiff.Models.Registry;
using StreamDiff.Pipeline.Calibration;
using StreamDiff.Pipeline.Loading;
using StreamDiff.Pipeline.Plan;
using StreamDiff.Pipeline.Runs;
using TorchSharp;
using static TorchSharp.torch;

namespace StreamDiff.Cli.Doctor;

/// <summary>Which frame rate to expect of each model and size, from a short measurement.</summary>
internal static class FrameRateChecks
{
    public const string Area = "frame rate";

    // Slower than this nobody waits for a measurement.
    private const double LeastRate = 0.5;

    private static readonly double[] Rates = [60, 50, 30, 25, 24, 16, 12, 10, 8];

    /// <summary>Measures; models that are not downloaded with random weights, which take as long.</summary>
    /// <param name="catalog">Of the models.</param>
    /// <param name="names">Those to measure.</param>
    /// <param name="device">Where.</param>
    /// <param name="time">For all of them together, the time of loading and of the first chunks not counted.</param>
    /// <param name="cancellation">Ends it.</param>
    public static IReadOnlyList<DoctorLine> Run(
        ModelCatalog catalog, IReadOnlyList<string> names, DeviceName device, TimeSpan time, CancellationToken cancellation)
    {
        var lines = new List<DoctorLine>();
        var models = names.Select(catalog.TryFind).OfType<Model>().OrderBy(Work).ToList();
        (double Rate, double Work)? measured = null;
        var before = ProcessorUse.Now();
        var share = time / Math.Max(1, models.Sum(m => Cases.UsualSizes(OwnSize(m)).Count));
        foreach (var model in models)
        {
            try
            {
                var target = Target(device);
                if (Obstacle(model, target, measured) is { } obstacle)
                {
                    lines.Add(obstacle);
                    continue;
                }
                Say.Line($"measuring {model.Name}");
                foreach (var (size, rate, line) in Measure(model, device, share, cancellation))
                {
                    lines.Add(line);
                    if (size == OwnSize(model))
                        measured = (rate, Work(model));
                }
            }
            catch (Exception e) when (e is not OperationCanceledException)
            {
                lines.Add(DoctorLine.Absent(Area, model.Name, Failure.Describe(e), "a smaller model, or another --device"));
            }
        }
        if (ProcessorUse.Now().OtherProcessors(before) is > ProcessorUse.Disturbing and var others)
            lines.Add(DoctorLine.Absent(Area, "other programs", string.Create(CultureInfo.InvariantCulture,
                $"kept {others:0.0} processors busy meanwhile"), "measure again when the machine is quiet"));
        return lines;
    }

    private static IEnumerable<((int Width, int Height) Size, double Rate, DoctorLine Line)> Measure(
        Model model, DeviceName device, TimeSpan time, CancellationToken cancellation)
    {
        var isHere = !ModelFiles.Obstacles(model, model.Config.Vae.Default).Any();
        var plan = ComputePlan.Of(new ComputeOptions { Model = model.Folder, Device = device });
        using var loaded = LoadedModel.Open(isHere ? plan : plan with { Model = model.WithRandomWeights() });
        using var inference = inference_mode();
        var sampling = new SamplingOptions();
        foreach (var size in Cases.UsualSizes(OwnSize(model)))
        {
            var rate = MeasuredSession.FramesPerSecond(loaded, sampling, size, time, cancellation);
            yield return (size, rate, DoctorLine.Ok(Area, $"{model.Name} {size.Width}x{size.Height}", string.Create(
                CultureInfo.InvariantCulture,
                $"{rate:0.#} frames a second ({sampling.Steps} steps, {loaded.Vae}, {Where(loaded.Target)}): {Verdict(rate)}"
                + $"{(isHere ? "" : "; not downloaded, measured with random weights")}")));
        }
    }

    private static string Where(ComputeTarget target) =>
        $"{target.Device} in {(target.Type == ScalarType.BFloat16 ? "bfloat16" : "float32")}";

    private static string Verdict(double rate)
    {
        // Encoders, decoders and what else runs need something too.
        var kept = Rates.FirstOrDefault(r => rate >= 1.1 * r);
        return kept > 0
            ? string.Create(CultureInfo.InvariantCulture, $"live at {kept:0}")
            : "too slow for live; files take longer than they play";
    }

    // What keeps a model from being measured here; null for nothing.
    private static DoctorLine? Obstacle(Model model, ComputeTarget target, (double Rate, double Work)? measured)
    {
        var size = OwnSize(model);
        var shape = MemoryNeed.Shape(model.Config, size, new SamplingOptions());
        var weights = shape.WeightBytes(0, shape.Blocks) * (target.Type == ScalarType.Float32 ? 2 : 1);
        var name = $"{model.Name} {size.Width}x{size.Height}";
        var isCpu = target.Device.type == DeviceType.CPU;
        var room = isCpu ? HostMemory.Available : NvidiaDriver.Find()?.Cards.ElementAtOrDefault(Math.Max(target.Device.index, 0))?.Bytes;
        if (room > 0 && weights > room)
            return DoctorLine.Absent(Area, name, string.Create(CultureInfo.InvariantCulture,
                $"its transformer alone takes {weights / 1e9:0.0} GB, there are {room / 1e9:0.0}"),
                isCpu ? "a GPU, or several" : "--precision fp8 halves it; --ranks spreads it over several GPUs");
        if (isCpu && measured is { } known && known.Rate * known.Work / Work(model) is < LeastRate and var expected)
            return DoctorLine.Absent(Area, name, string.Create(CultureInfo.InvariantCulture,
                $"about {expected:0.###} frames a second on this processor, reckoned from the model before"),
                "a GPU: streamdiff setup gpu");
        return null;
    }

    private static double Work(Model model)
    {
        var shape = MemoryNeed.Shape(model.Config, OwnSize(model), new SamplingOptions());
        return shape.Blocks * shape.FlopsPerBlockAndRow * shape.Steps;
    }

    private static ComputeTarget Target(DeviceName device)
    {
        LibTorch.Load();
        return ComputeTarget.Resolve(device, ComputeType.Auto);
    }

    private static (int Width, int Height) OwnSize(Model model) => new FrameOptions().SizeFor(model);
}
