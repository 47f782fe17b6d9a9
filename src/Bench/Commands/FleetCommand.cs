using System.CommandLine;
using System.Globalization;
using StreamDiff.Bench.Fleets;
using StreamDiff.CommandLine;
using StreamDiff.Pipeline.Plan;
using StreamDiff.Scheduling.Simulation;
using StreamDiff.Scheduling.Simulation.Fleets;
using StreamDiff.Scheduling.Slo;

namespace StreamDiff.Bench.Commands;

/// <summary><c>streamdiff-bench fleet</c>: what users of a fleet have, in virtual time; and in real time beside it.</summary>
internal sealed class FleetCommand : Command
{
    private const int MostStreams = 1_000_000;
    private const int MostWorkers = 100_000;

    private readonly Option<string> _device = new("--device")
    {
        HelpName = "NAME",
        Description = $"What a worker has: {DeviceText.Help} Default: h200-1.3b.",
        DefaultValueFactory = _ => "h200-1.3b",
    };
    private readonly Option<int> _workers = Number("--workers", "N", "Workers.", 500);
    private readonly Option<int> _streams = Number("--streams", "N", "Users, each with one live stream.", 10_000);
    private readonly Option<string> _arrivals = Word<ArrivalKind>("--arrivals", "How users come", ArrivalKind.Waves);
    private readonly Option<string> _pictures = Word<LoadKind>("--pictures", "How the pictures of a stream come", LoadKind.Steady);
    private readonly Option<double> _seconds = Real("--seconds", "N", "Time in which users come.", 360);
    private readonly Option<double> _stay = Real("--stay", "N", "Mean seconds that a user stays, waiting included.", 60);
    private readonly Option<double> _fps = Real("--fps", "X", "Pictures a second of each stream.", 16);
    private readonly Option<int> _steps = Number("--steps", "N", "Denoising steps, 1 to 4.", 2);
    private readonly Option<double> _deadline = Real("--deadline", "MS", "From capture to hand-over.", 600);
    private readonly Option<int> _kills = Number("--kills", "N", "Workers that die.", 0);
    private readonly Option<int> _drains = Number("--drains", "N", "Workers that are drained.", 0);
    private readonly Option<double> _down = Real("--down", "N", "Seconds that each of those is gone.", 60);
    private readonly Option<double> _opening = Real("--opening", "N", "Seconds from a place to the first picture that is read.", 0.5);
    private readonly Option<double> _notice = Real("--notice", "N", "Seconds in which the death of a worker is noticed.", 2);
    private readonly Option<double> _patience = Real("--patience", "N", "Seconds that a user waits for a place.", 60);
    private readonly Option<int> _queue = Number("--queue", "N", "Most users that wait; 0: who finds no place is refused.", 1000);
    private readonly Option<double> _jitter = Real("--jitter", "X", "Spread of the ticks' times; 0.1 is about a tenth.", 0.05);
    private readonly Option<int> _seed = Number("--seed", "N", "Of all chance.", 1);
    private readonly Option<string?> _against = new("--against")
    {
        HelpName = "URL",
        Description = "The same users in real time at a studio or the front of a fleet, such as http://127.0.0.1:8188; one that queues "
            + "nobody needs '--queue 0'.",
    };
    private readonly Option<string?> _key = new("--key") { HelpName = "KEY", Description = "API key for --against." };
    private readonly Option<string> _size = new("--size")
    {
        HelpName = "WxH",
        Description = "Size of the streams for --against. Default: 192x112.",
        DefaultValueFactory = _ => "192x112",
    };
    private readonly ReportOutput _output = new();

    public FleetCommand()
        : base("fleet", "What users of many workers have, in virtual time: placement, admission, queue, policies, failures. Example: "
            + "streamdiff-bench fleet --workers 500 --streams 10000 --kills 20")
    {
        foreach (var option in (Option[])
        [
            _device, _workers, _streams, _arrivals, _pictures, _seconds, _stay, _fps, _steps, _deadline, _kills, _drains, _down, _opening,
            _notice, _patience, _queue, _jitter, _seed, _against, _key, _size,
        ])
            Add(option);
        _output.AddTo(this);
        SetAction(parse => Run(parse));
    }

    private int Run(ParseResult parse)
    {
        var problems = new List<string>();
        var device = DeviceText.Read(parse.GetValue(_device)!, problems);
        var arrivals = Read(parse, _arrivals, ListText.Word<ArrivalKind>, problems);
        var pictures = Read(parse, _pictures, ListText.Word<LoadKind>, problems);
        var size = Read(parse, _size, OptionText.Size, problems);
        Uri? against = null;
        if (parse.GetValue(_against) is { } text && (!Uri.TryCreate(text, UriKind.Absolute, out against) || against.Scheme is not ("http"
            or "https")))
            problems.Add("against must be an http or https address");
        Check(parse, problems);
        if (problems.Count > 0)
            return Usage.Report(problems, "fleet");

        var (seed, workers) = (parse.GetValue(_seed), parse.GetValue(_workers));
        var slo = new SessionSlo
        {
            Deadline = TimeSpan.FromMilliseconds(parse.GetValue(_deadline)),
            TargetFps = parse.GetValue(_fps),
            Ladder = [],
        };
        var load = FleetLoad.Make(
            arrivals, parse.GetValue(_streams), parse.GetValue(_seconds), parse.GetValue(_stay),
            new FleetRequest(0, 0, slo, parse.GetValue(_steps), pictures), workers, parse.GetValue(_kills), parse.GetValue(_drains),
            parse.GetValue(_down), seed);
        var fleet = SimulatedFleet.Of(workers, device!) with
        {
            Opening = parse.GetValue(_opening),
            Notice = parse.GetValue(_notice),
            Patience = parse.GetValue(_patience),
            QueueLength = parse.GetValue(_queue),
            Jitter = parse.GetValue(_jitter),
            Seed = seed,
        };
        using var signals = new CancelOnSignal();
        var real = against is null ? null : new RealFleet(against, parse.GetValue(_key), size);
        var report = FleetBenchmark.Run(fleet, load, real is null ? null : () => real.Run(load, Say.Line, signals.Token));
        _output.Write(
            parse, report, "all-user fps", "all-user share", "served", "queued", "gave up", "refused", "interrupted", "pictures in time",
            "chunks in time", "worst chunk", "first picture p50", "first picture p95", "recovery max", "most streams", "workers busy",
            "off: all-user fps", "off: served", "off: pictures in time", "off: first picture p50", "off: first picture p95");
        Console.Out.WriteLine(string.Create(
            CultureInfo.InvariantCulture, $"simulated in {report.Conditions["seconds to simulate"]} s"));
        return ExitCode.Ok;
    }

    private void Check(ParseResult parse, List<string> problems)
    {
        bool In(Option<double> option, double least, double most) => parse.GetValue(option) is var x && x >= least && x <= most;
        if (parse.GetValue(_workers) is < 1 or > MostWorkers || parse.GetValue(_streams) is < 1 or > MostStreams)
            problems.Add($"workers must be 1 to {MostWorkers}, streams 1 to {MostStreams}");
        if (parse.GetValue(_steps) is < 1 or > 4)
            problems.Add("steps must be 1 to 4");
        if (!In(_fps, 0.1, 240) || !In(_deadline, 1, 86_400_000) || !In(_jitter, 0, 1))
            problems.Add("fps must be 0.1 to 240, deadline 1 to 86400000, jitter 0 to 1");
        if (!In(_seconds, 0.1, 86_400) || !In(_stay, 0.1, 86_400))
            problems.Add("seconds and stay must be 0.1 to 86400");
        if (!In(_down, 0, 86_400) || !In(_opening, 0, 3600) || !In(_notice, 0, 3600) || !In(_patience, 0, 86_400))
            problems.Add("down and patience must be 0 to 86400, opening and notice 0 to 3600");
        if (parse.GetValue(_kills) is < 0 or > MostStreams || parse.GetValue(_drains) is < 0 or > MostStreams
            || parse.GetValue(_queue) is < 0 or > MostStreams)
            problems.Add($"kills, drains and queue must be 0 to {MostStreams}");
    }

    private static T? Read<T>(ParseResult parse, Option<string> option, Func<string, T> read, List<string> problems)
    {
        try
        {
            return read(parse.GetValue(option)!);
        }
        catch (FormatException e)
        {
            problems.Add($"{option.Name.TrimStart('-')} {e.Message}");
            return default;
        }
    }

    private static Option<int> Number(string name, string help, string what, int value) => new(name)
    {
        HelpName = help,
        Description = string.Create(CultureInfo.InvariantCulture, $"{what} Default: {value}."),
        DefaultValueFactory = _ => value,
    };

    private static Option<double> Real(string name, string help, string what, double value) => new(name)
    {
        HelpName = help,
        Description = string.Create(CultureInfo.InvariantCulture, $"{what} Default: {value}."),
        DefaultValueFactory = _ => value,
    };

    private static Option<string> Word<T>(string name, string what, T value)
        where T : struct, Enum => new(name)
        {
            HelpName = "KIND",
            Description = $"{what}: {string.Join(", ", Enum.GetNames<T>().Select(n => n.ToLowerInvariant()))}. Default: "
                + $"{value.ToString().ToLowerInvariant()}.",
            DefaultValueFactory = _ => value.ToString().ToLowerInvariant(),
        };
}
