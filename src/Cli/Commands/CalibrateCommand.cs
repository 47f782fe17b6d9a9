using System.CommandLine;
using System.Globalization;
using System.Text.Json;
using StreamDiff.CommandLine;
using StreamDiff.Models.Diffusion;
using StreamDiff.Pipeline.Calibration;
using StreamDiff.Pipeline.Host;
using StreamDiff.Pipeline.Loading;
using StreamDiff.Pipeline.Plan;
using StreamDiff.Scheduling.Latency;
using StreamDiff.Scheduling.Simulation;
using StreamDiff.Transport.Files;
using static TorchSharp.torch;

namespace StreamDiff.Cli.Commands;

/// <summary><c>streamdiff calibrate</c>: how long ticks take on this device, and how well that is predicted.</summary>
internal sealed class CalibrateCommand : Command
{
    private static readonly JsonSerializerOptions Indented = new() { WriteIndented = true };
    private readonly ModelOptions _model = new();
    private readonly Option<string?> _sizes = new("--sizes", "--size")
    {
        HelpName = "LIST",
        Description = "Picture sizes to measure. Default: the model's own, and a half and a quarter of its area.",
    };
    private readonly Option<string> _lanes = new("--lanes")
    {
        HelpName = "LIST",
        Description = "Rows of a tick. Default: 1,2,4.",
        DefaultValueFactory = _ => "1,2,4",
    };
    private readonly Option<string> _frames = new("--frames")
    {
        HelpName = "LIST",
        Description = "Latent frames of a row. Default: 1,2.",
        DefaultValueFactory = _ => "1,2",
    };
    private readonly Option<double> _seconds = new("--seconds")
    {
        HelpName = "N",
        Description = "How long to measure, one pass over all shapes at least. Default: 8.",
        DefaultValueFactory = _ => 8,
    };
    private readonly Option<bool> _table = new("--table") { Description = "Print every shape, predicted and measured." };
    private readonly Option<string?> _json = new("--json")
    {
        HelpName = "FILE",
        Description = "Write every shape, predicted and measured, as JSON; 'streamdiff-bench plot-calibration' draws it.",
    };
    private readonly Option<string?> _deviceFile = new("--device-file")
    {
        HelpName = "FILE",
        Description = "Also time the autoencoder at the first size, and write the device for 'streamdiff simulate --device FILE'.",
    };
    private readonly Option<string?> _output = new("--output", "-o")
    {
        HelpName = "FOLDER",
        Description = "Where to save the model. Default: ~/.cache/streamdiff/latency, where runs look for it.",
    };

    public CalibrateCommand()
        : base("calibrate", "Measure ticks of many shapes for some seconds, fit the latency model that schedules sessions, and save it "
            + "for this device.")
    {
        _model.AddTo(this);
        foreach (var option in (Option[])[_sizes, _lanes, _frames, _seconds, _table, _json, _deviceFile, _output])
            Add(option);
        SetAction(parse => Run(parse));
    }

    private int Run(ParseResult parse)
    {
        var problems = new List<string>();
        var sizes = parse.GetValue(_sizes) is { } text ? ListText.Read("sizes", text, OptionText.Size, problems) : [];
        var lanes = ListText.Read("lanes", parse.GetValue(_lanes)!, OptionText.Whole, problems);
        var frames = ListText.Read("frames", parse.GetValue(_frames)!, OptionText.Whole, problems);
        var options = Cases.Read(_model, parse, [2], sizes, problems, out var allSizes);
        if (lanes.Any(l => l is < 1 or > 64) || frames.Any(f => f is < 1 or > 16))
            problems.Add("lanes must be from 1 to 64, frames from 1 to 16");
        if (!(parse.GetValue(_seconds) >= 0))
            problems.Add("seconds must not be negative");
        var (json, deviceFile, folder) = (parse.GetValue(_json), parse.GetValue(_deviceFile), parse.GetValue(_output)
            ?? SavedCalibration.Folder);
        problems.AddRange(FileRules.Problems(
        [
            .. CommandFiles.OfModel(options.Compute.Model),
            .. FileUse.Writes(("json", json), ("device-file", deviceFile)),
            new FileUse(FileUseKind.Fill, "output", folder),
        ]));
        if (problems.Count > 0)
            return Usage.Report(problems, "calibrate");

        using var signals = new CancelOnSignal();
        using var model = LoadedModel.Open(options.Compute);
        using var inference = inference_mode();
        var before = ProcessorUse.Now();
        DenoiserOptions Shape((int Width, int Height) size) => model.Settings(options.Sampling, size).Denoiser;
        var samples = TickCalibration.Measure(model.Transformer!, Shape, new TickCalibrationOptions
        {
            Lanes = lanes,
            LatentFrames = frames,
            Sizes = sizes.Count > 0 ? allSizes : Cases.UsualSizes(allSizes[0]),
            Budget = TimeSpan.FromSeconds(parse.GetValue(_seconds)),
        }, signals.Token);
        if (samples.Count < 8)
            return Usage.Report([$"{samples.Count} shapes are too few for a fit: name more sizes, lanes or frames"], "calibrate");
        var result = CalibrationResult.Of(samples);
        Print(model, result, ProcessorUse.Now(), before, parse.GetValue(_table));
        var file = new LatencyModelFile(SavedCalibration.Key(model.Model, model.Target, model.Threads, model.Heads), result.Model.Terms,
            result.HeldOutError, TimeProvider.System.GetUtcNow().UtcDateTime);
        Line($"saved: {file.Write(folder)}");
        if (json is not null)
        {
            var target = model.Target;
            var report = new CalibrationReport(model.Model.Name, target.Device.ToString(), target.Type.ToString(), result.Rows);
            WholeFile.Write(json, JsonSerializer.Serialize(report, Indented) + "\n");
        }
        if (deviceFile is not null)
            WholeFile.Write(deviceFile, JsonSerializer.Serialize(
                Device(model, options.Sampling, allSizes[0], result, TimeProvider.System.GetUtcNow().UtcDateTime), Indented) + "\n");
        return ExitCode.Ok;
    }

    private static SimulatedDevice Device(
        LoadedModel model, SamplingOptions sampling, (int Width, int Height) size, CalibrationResult result, DateTime measured)
    {
        var coding = CodingCalibration.Measure(model.EncoderVae, size);
        var name = string.Create(
            CultureInfo.InvariantCulture, $"{HostDevice.Name(model.Target.Device)}, {model.Model.Name}, {size.Width}x{size.Height}");
        return SimulatedDevices.Of(name, model, sampling, size, result.Model.Terms, coding,
            string.Create(CultureInfo.InvariantCulture, $"streamdiff calibrate, {measured:yyyy-MM-dd}"));
    }

    private static void Print(LoadedModel model, CalibrationResult result, ProcessorUse now, ProcessorUse before, bool all)
    {
        if (all)
            Console.Out.Write(TextTable.Of(
            [
                ["lanes x latent frames x tokens, cached frames", "measured, ms", "predicted, ms", "error, %", "held out"],
                .. result.Rows.Select(Row),
            ]));
        var terms = result.Model.Terms;
        Line($"{model.Model.Name} on {model.Target.Device} {model.Target.Type}, {model.Threads} threads: {result.Rows.Count} shapes");
        Line(
            $"a tick takes {terms.Fixed * 1e3:0.###} ms + {terms.PerLane * 1e3:0.###} ms a lane + {terms.PerToken * 1e6:0.###} us a token ",
            $"+ {terms.PerCached * 1e6:0.###} us a cached token + {terms.PerPair * 1e9:0.###} ns a query-key pair");
        Line(
            $"median error {100 * result.HeldOutError:0.0} % on {result.Rows.Count(r => r.IsHeldOut)} held-out shapes, ",
            $"{100 * result.FittedError:0.0} % on those fitted");
        if (now.OtherProcessors(before) is > ProcessorUse.Disturbing and var others)
            Say.Note(string.Create(CultureInfo.InvariantCulture,
                $"other programs kept {others:0.00} processors busy meanwhile: calibrate again when the machine is quiet"));
    }

    private static string[] Row(CalibrationRow row) =>
    [
        $"{row.Shape.Lanes} x {row.Shape.LatentFrames} x {row.Shape.FrameTokens}, {row.Shape.CachedFrames}",
        TextTable.Number(row.Measured * 1e3), TextTable.Number(row.Predicted * 1e3),
        (100 * row.Error).ToString("+0.0;-0.0;0.0", CultureInfo.InvariantCulture), row.IsHeldOut ? "yes" : "",
    ];

    private static void Line(params FormattableString[] parts) =>
        Console.Out.WriteLine(string.Concat(parts.Select(FormattableString.Invariant)));
}
