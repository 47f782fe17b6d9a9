using System.CommandLine;
using System.Globalization;
using System.Text.Json;
using System.Text.Json.Serialization;
using StreamDiff.CommandLine;
using StreamDiff.Scheduling.Batching;
using StreamDiff.Scheduling.Latency;
using StreamDiff.Scheduling.Simulation;
using StreamDiff.Scheduling.Slo;
using StreamDiff.Transport.Files;

namespace StreamDiff.Cli.Commands;

/// <summary><c>simulate</c>: what the scheduling policies make of a load, in virtual time, on devices that are not here.</summary>
internal sealed class SimulateCommand : Command
{
    private const int MostStreams = 4096;
    private static readonly JsonSerializerOptions Indented = new() { WriteIndented = true, Converters = { new JsonStringEnumConverter() } };
    private static readonly Dictionary<string, Func<LatencyModel, IBatchPolicy>> Policies = BatchPolicies.All.ToDictionary(
        p => p.Name, p => p.Make);

    private readonly Option<string> _device = new("--device")
    {
        HelpName = "NAME",
        Description = DeviceText.Help,
        DefaultValueFactory = _ => "h200-1.3b",
    };
    private readonly Option<string> _policy = new("--policy")
    {
        HelpName = "NAME",
        Description = $"{string.Join(", ", Policies.Keys)} or all.",
        DefaultValueFactory = _ => "all",
    };
    private readonly Option<string> _load = new("--load")
    {
        HelpName = "KIND",
        Description = $"{string.Join(", ", Enum.GetNames<LoadKind>().Select(n => n.ToLowerInvariant()))} or all.",
        DefaultValueFactory = _ => "all",
    };
    private readonly Option<int> _streams = new("--streams")
    {
        HelpName = "N",
        Description = "Live streams, spread evenly over the devices.",
        DefaultValueFactory = _ => 1,
    };
    private readonly Option<int> _devices = new("--gpus") { HelpName = "N", Description = "Devices.", DefaultValueFactory = _ => 1 };
    private readonly Option<int> _steps = new("--steps")
    {
        HelpName = "N",
        Description = "Denoising steps, 1 to 4.",
        DefaultValueFactory = _ => 2,
    };
    private readonly Option<double> _fps = new("--fps")
    {
        HelpName = "X",
        Description = "Pictures a second of each stream.",
        DefaultValueFactory = _ => 16,
    };
    private readonly Option<double> _deadline = new("--deadline")
    {
        HelpName = "MS",
        Description = "From capture to hand-over.",
        DefaultValueFactory = _ => 500,
    };
    private readonly Option<double> _seconds = new("--seconds")
    {
        HelpName = "X",
        Description = "Length in virtual time.",
        DefaultValueFactory = _ => 120,
    };
    private readonly Option<double> _jitter = new("--jitter")
    {
        HelpName = "X",
        Description = "Spread of the ticks' times; 0.1 is about a tenth.",
        DefaultValueFactory = _ => 0.05,
    };
    private readonly Option<int> _seed = new("--seed")
    {
        HelpName = "N",
        Description = "Of arrivals and jitter; every device has its own.",
        DefaultValueFactory = _ => 1,
    };
    private readonly Option<int> _repeats = new("--repeats")
    {
        HelpName = "N",
        Description = "Runs with seeds of their own; the table tells of all together.",
        DefaultValueFactory = _ => 1,
    };
    private readonly Option<bool> _capacity = new("--capacity")
    {
        Description = "Find the most streams of which no load but 1 % of the pictures is late.",
    };
    private readonly Option<string?> _json = new("--json") { HelpName = "FILE", Description = "Write the figures as JSON." };

    public SimulateCommand()
        : base("simulate", "Compare scheduling policies in virtual time. Example: streamdiff simulate --device h100-1.3b --streams 2 "
            + "--fps 10 --deadline 1200")
    {
        foreach (var option in (Option[])
        [
            _device, _policy, _load, _streams, _devices, _steps, _fps, _deadline, _seconds, _jitter, _seed, _repeats, _capacity, _json,
        ])
            Add(option);
        SetAction(parse => Run(parse));
    }

    private int Run(ParseResult parse)
    {
        var problems = new List<string>();
        var device = DeviceText.Read(parse.GetValue(_device)!, problems);
        var policies = Chosen(parse.GetValue(_policy)!, Policies.Keys, "policy", problems);
        var loads = Chosen(parse.GetValue(_load)!, Enum.GetNames<LoadKind>().Select(n => n.ToLowerInvariant()), "load", problems)
            .Select(n => Enum.Parse<LoadKind>(n, ignoreCase: true)).ToArray();
        if (parse.GetValue(_streams) is < 1 or > MostStreams)
            problems.Add($"streams must be 1 to {MostStreams}");
        if (parse.GetValue(_devices) < 1)
            problems.Add("gpus must be at least 1");
        if (parse.GetValue(_repeats) is < 1 or > 1000)
            problems.Add("repeats must be 1 to 1000");
        if (parse.GetValue(_steps) is < 1 or > 4)
            problems.Add("steps must be 1 to 4");
        if (!(parse.GetValue(_fps) is > 0 and <= 240) || !(parse.GetValue(_deadline) > 0)
            || !(parse.GetValue(_seconds) is > 0 and <= 86_400) || !(parse.GetValue(_jitter) is >= 0 and <= 1))
            problems.Add("fps must be above 0 and at most 240, deadline above 0, seconds above 0 and at most 86400, jitter 0 to 1");
        problems.AddRange(FileRules.Problems(
            [.. FileUse.Reads(("device file", parse.GetValue(_device))), .. FileUse.Writes(("json", parse.GetValue(_json)))]));
        if (problems.Count > 0)
            return Usage.Report(problems, "simulate");

        Say.Line(
            $"{device!.Name}; ticks of 1, 2, 4 rows: {Milliseconds(device, 1)}, {Milliseconds(device, 2)}, {Milliseconds(device, 4)} ms; "
                + $"from {device.Source}");
        var results = parse.GetValue(_capacity) ? Capacities(parse, device, policies, loads) : Compare(parse, device, policies, loads);
        if (parse.GetValue(_json) is { } file)
            WholeFile.Write(file, JsonSerializer.Serialize(results, Indented) + "\n");
        return ExitCode.Ok;
    }

    private List<SimulationResult> Compare(ParseResult parse, SimulatedDevice device, string[] policies, LoadKind[] loads)
    {
        var results = new List<SimulationResult>();
        List<string[]> table =
        [
            [
                "load", "policy", "late or dropped, %", "worst stream, %", "frames/s", "p50, ms", "p95, ms", "p99, ms", "rows a tick",
                "busy, %",
            ],
        ];
        foreach (var load in loads)
            foreach (var policy in policies)
            {
                var result = Simulate(parse, device, policy, load, parse.GetValue(_devices), parse.GetValue(_streams));
                results.Add(result);
                table.Add(
                [
                    load.ToString().ToLowerInvariant(), policy, Percent(result.MissRate), Percent(result.WorstStream),
                    Text(result.FramesPerSecond, "0.0"), Text(1000 * result.P50, "0"), Text(1000 * result.P95, "0"),
                    Text(1000 * result.P99, "0"), Text(result.RowsPerTick, "0.00"), Percent(result.Utilisation),
                ]);
            }
        Console.Out.Write(TextTable.Of(table));
        return results;
    }

    private List<SimulationResult> Capacities(ParseResult parse, SimulatedDevice device, string[] policies, LoadKind[] loads)
    {
        var results = new List<SimulationResult>();
        List<string[]> table = [["load", "policy", "streams", "a device", "frames/s", "p95, ms"]];
        foreach (var load in loads)
            foreach (var policy in policies)
            {
                SimulationResult? best = null;
                var streams = 0;
                while (streams < 256 && Simulate(parse, device, policy, load, 1, streams + 1) is { MissRate: <= 0.01 } result)
                    (best, streams) = (result, streams + 1);
                if (best is not null)
                    results.Add(best);
                var devices = parse.GetValue(_devices);
                table.Add(
                [
                    load.ToString().ToLowerInvariant(),
                    policy,
                    Text(streams * devices, "0"),
                    Text(streams, "0"),
                    Text((best?.FramesPerSecond ?? 0) * devices, "0.0"),
                    best is null ? "-" : Text(1000 * best.P95, "0"),
                ]);
            }
        Console.Out.Write(TextTable.Of(table));
        return results;
    }

    // Devices and repetitions are alike: simulations with chance of their own. A repetition is no more devices, so rates are a mean over
    // them.
    private SimulationResult Simulate(ParseResult parse, SimulatedDevice device, string policy, LoadKind kind, int devices, int streams)
    {
        var (fps, repeats) = (parse.GetValue(_fps), parse.GetValue(_repeats));
        var slo = new SessionSlo { Deadline = TimeSpan.FromMilliseconds(parse.GetValue(_deadline)), TargetFps = fps };
        var result = ManySimulations.Run(devices * repeats, streams * repeats, (number, count) =>
        {
            var seed = parse.GetValue(_seed) + number;
            var load = Load.Make(kind, count, fps, parse.GetValue(_seconds), seed);
            var model = new LatencyModel(device.Terms);
            return Simulator.Record(device, Policies[policy](model), load, slo, parse.GetValue(_steps),
                new ModelledTicks(device.Terms, parse.GetValue(_jitter), seed), model);
        });
        return result with { FramesPerSecond = result.FramesPerSecond / repeats };
    }

    private static string[] Chosen(string value, IEnumerable<string> known, string what, List<string> problems)
    {
        var all = known.ToArray();
        if (value == "all")
            return all;
        var wanted = value.Split(',', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries);
        foreach (var unknown in wanted.Except(all))
            problems.Add($"{what} '{unknown}' is none of {string.Join(", ", all)}, all");
        return [.. wanted.Intersect(all)];
    }

    private static string Milliseconds(SimulatedDevice device, int rows) =>
        Text(1000 * device.Terms.Of(new TickShape(rows, 1, device.FrameTokens, device.CachedFrames)), "0.0");

    private static string Percent(double share) => Text(100 * share, "0.0");

    private static string Text(double value, string format) => value.ToString(format, CultureInfo.InvariantCulture);
}
