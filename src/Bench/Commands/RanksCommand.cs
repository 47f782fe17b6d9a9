using System.CommandLine;
using System.Globalization;
using StreamDiff.Bench.Ranks;
using StreamDiff.CommandLine;
using StreamDiff.Models;
using StreamDiff.Pipeline.Checks;
using StreamDiff.Pipeline.Plan;
using StreamDiff.Pipeline.Ranks;
using StreamDiff.Transport.Files;
using StreamDiff.Transport.Media.Stills;

namespace StreamDiff.Bench.Commands;

/// <summary>
/// <c>streamdiff-bench ranks</c>: what spreading the transformer over ranks gains here, against the plan and against one rank.
/// </summary>
internal sealed class RanksCommand : Command
{
    private readonly NetworkOptions _network = new("tiny");
    private readonly Option<string> _devices = new("--devices")
    {
        HelpName = "LIST",
        Required = true,
        Description = "Devices and ranks as in run --ranks, such as cpu,cpu or cuda:0,cuda:1.",
    };
    private readonly Option<int> _ticks = new("--ticks")
    {
        HelpName = "N",
        Description = "Ticks to measure. Default: 60.",
        DefaultValueFactory = _ => 60,
    };
    private readonly Option<int> _threads = new("--threads")
    {
        HelpName = "N",
        Description = "Compute threads of each rank of this process on the cpu. Default: 1.",
        DefaultValueFactory = _ => 1,
    };
    private readonly Option<string?> _cores = new("--cores")
    {
        HelpName = "LIST",
        Description = "Cores that the ranks of this process are pinned to, such as 0,1. Default: not pinned.",
    };
    private readonly TableOptions _options;
    private readonly Option<bool> _random = new("--random-weights")
    {
        Description = "Random weights of the model's sizes: nothing need be downloaded. Ranks elsewhere need the same option.",
    };
    private readonly Option<string?> _timeline = new("--timeline")
    {
        HelpName = "FILE",
        Description = "Draw some ticks, rank by time, as a PNG picture.",
    };
    private readonly Option<bool> _spreads = new("--compare-spreads")
    {
        Description = "Measure every spread of the blocks, one rank slowed down, and what the block scheduler makes of it.",
    };
    private readonly Option<string?> _json = new("--json")
    {
        HelpName = "FILE",
        Description = "Write what was measured as JSON; - for the standard output.",
    };

    public RanksCommand()
        : base("ranks", "Time the transformer on one rank and on several, against the plan for them. Example: streamdiff-bench ranks "
            + "--devices cpu,cpu --size 256x160")
    {
        _network.AddTo(this);
        foreach (var option in (Option[])[_devices, _ticks, _threads, _cores, _random, _timeline, _spreads, _json])
            Add(option);
        _options = new TableOptions(this, ["dtype"], ("dtype", "What ranks compute in: auto, float32 or bfloat16. Default: auto."));
        SetAction(parse => Run(parse));
    }

    private int Run(ParseResult parse)
    {
        var problems = new List<string>();
        var spread = _network.Read(parse, problems);
        if (parse.GetValue(_ticks) < 10 || parse.GetValue(_threads) < 1)
            problems.Add("ticks must be at least 10, threads at least 1");
        var given = new GivenOptions(OptionUse.Run);
        _options.Give(parse, given);
        problems.AddRange(given.Problems.Select(p => p.Text));
        var cores = parse.GetValue(_cores)?.Split(',')
            .Select(c => int.TryParse(c, NumberStyles.None, CultureInfo.InvariantCulture, out var core) ? core : -1).ToArray();
        if (cores?.Any(c => c < 0) == true)
            problems.Add($"cores must be a list such as 0,1, not {parse.GetValue(_cores)}");
        var ranks = Ranks(parse.GetValue(_devices)!, problems);
        if (ranks is not null && cores is not null && cores.Length != ranks.Devices.Count)
            problems.Add($"{cores.Length} cores for {ranks.Devices.Count} ranks of this process");
        if (spread is not null && ranks?.Count > spread.Network.Blocks)
            problems.Add($"{ranks.Count} ranks cannot share the {spread.Network.Blocks} blocks of {spread.Model.Name}");
        var (timeline, json) = (parse.GetValue(_timeline), parse.GetValue(_json));
        if (timeline is { Length: > 0 } && StillWriter.Obstacle("timeline", timeline) is { } obstacle)
            problems.Add(obstacle);
        problems.AddRange(FileRules.Problems(
            [.. RunFiles.OfRanks(ranks), .. FileUse.Writes(
                ("timeline", timeline), ("json", json == "-" ? null : json))]));
        if (problems.Count > 0)
            return Usage.Report(problems, "ranks");

        var options = new RingBenchmarkOptions
        {
            Model = parse.GetValue(_random) ? spread!.Model.WithRandomTransformer() : spread!.Model,
            Type = given.Read(new ComputeOptions()).Type,
            Ranks = ranks!,
            Steps = spread.Network.Steps,
            Size = spread.Size,
            Ticks = parse.GetValue(_ticks),
            Threads = parse.GetValue(_threads),
            Cores = cores,
            Depth = spread.Depth,
        };
        if (parse.GetValue(_spreads))
            RankMeasurements.Spreads(options, json);
        else
            RankMeasurements.Ring(options, spread.Link, spread.Network, timeline, json);
        return ExitCode.Ok;
    }

    private static RankList? Ranks(string text, List<string> problems)
    {
        try
        {
            return RankList.Parse(text);
        }
        catch (ModelException e)
        {
            problems.Add(e.Message);
            return null;
        }
    }
}
