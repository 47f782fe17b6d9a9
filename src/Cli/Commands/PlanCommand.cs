using System.CommandLine;
using System.Globalization;
using System.Text.RegularExpressions;
using StreamDiff.Cli.Options;
using StreamDiff.Cli.Output;
using StreamDiff.Models;
using StreamDiff.Models.Registry;
using StreamDiff.Pipeline;
using StreamDiff.Pipeline.Ranks;
using StreamDiff.Scheduling.Placement;
using StreamDiff.Transport.Files;
using StreamDiff.Transport.Media;

namespace StreamDiff.Cli.Commands;

/// <summary><c>streamdiff plan</c>: what a set of devices will do, from profiles, or by measuring those that are here.</summary>
internal sealed partial class PlanCommand : Command
{
    private readonly Option<string> _model = new("--model", "-m") { HelpName = "NAME", Description = "A model of 'streamdiff models list', or 1.3b or 14b. Default: 14b.", DefaultValueFactory = _ => "14b" };
    private readonly Option<string?> _devices = new("--devices") { HelpName = "LIST", Description = "Kinds such as 4xH100 or H100,H200 (calculated), or devices and ranks as in run --ranks (measured here). Required." };
    private readonly Option<int> _steps = new("--steps") { HelpName = "N", Description = "Denoising steps, 1 to 4. Default: 2.", DefaultValueFactory = _ => 2 };
    private readonly Option<string?> _size = new("--size", "-s") { HelpName = "WxH", Description = "Picture size. Default: the model's own." };
    private readonly Option<double?> _slo = new("--slo") { HelpName = "FPS", Description = "Frames per second wanted; the plan says whether they are reached, and with how many devices." };
    private readonly Option<double> _bandwidth = new("--link-gbps") { HelpName = "X", Description = "Bandwidth of the links in gigabytes per second. Default: 300 (NVLink).", DefaultValueFactory = _ => 300 };
    private readonly Option<double> _latency = new("--link-us") { HelpName = "X", Description = "Latency of the links in microseconds. Default: 20.", DefaultValueFactory = _ => 20 };
    private readonly Option<int> _ticks = new("--ticks") { HelpName = "N", Description = "Ticks to measure. Default: 60.", DefaultValueFactory = _ => 60 };
    private readonly Option<int> _threads = new("--threads") { HelpName = "N", Description = "Compute threads of each measured rank on the cpu. Default: 1.", DefaultValueFactory = _ => 1 };
    private readonly Option<string?> _cores = new("--cores") { HelpName = "LIST", Description = "Cores that the measured ranks are pinned to, such as 0,1. Default: not pinned." };
    private readonly Option<string> _type = new("--dtype") { HelpName = "TYPE", Description = "Type that measured ranks compute in: auto, float32 or bfloat16. Default: auto.", DefaultValueFactory = _ => "auto" };
    private readonly Option<bool> _random = new("--random-weights") { Description = "Measure with random weights of the model's sizes: nothing need be downloaded. Ranks elsewhere need the same option." };
    private readonly Option<int> _depth = new("--depth") { HelpName = "N", Description = "Ticks in flight. Default: one more than ranks.", DefaultValueFactory = _ => 0 };
    private readonly Option<string?> _timeline = new("--timeline") { HelpName = "FILE", Description = "Draw some measured ticks, rank by time, as a still: .png, .jpg or .jpeg." };
    private readonly Option<bool> _spreads = new("--compare-spreads") { Description = "Measure every spread of the blocks, one rank slowed down, and what the block scheduler makes of it." };
    private readonly Option<bool> _links = new("--measure-link") { Description = "Measure the link between processes against bare sockets, on loopback, and nothing else." };
    private readonly Option<string?> _json = new("--json") { HelpName = "FILE", Description = "Write what was measured as JSON; - for the standard output." };

    public PlanCommand()
        : base("plan", "Say how a model spreads over several devices: blocks, frames per second, latency and memory of each. Example: streamdiff plan --model 14b --devices 4xH100 --slo 30")
    {
        foreach (var option in (Option[])[_model, _devices, _steps, _size, _slo, _bandwidth, _latency, _ticks, _threads, _cores, _type, _random, _depth, _timeline, _spreads, _links, _json])
            Add(option);
        SetAction(parse => Run(parse));
    }

    private int Run(ParseResult parse)
    {
        var (timeline, json) = (parse.GetValue(_timeline), parse.GetValue(_json));
        var problems = new List<string>();
        if (timeline is { Length: > 0 } && StillWriter.Obstacle("timeline", timeline) is { } obstacle)
            problems.Add(obstacle);
        problems.AddRange(FileRules.Problems([.. FilesRead(parse), .. FileUse.Writes(("timeline", timeline), ("json", json == "-" ? null : json))]));
        if (parse.GetValue(_links))
        {
            if (problems.Count > 0)
                return Usage.Report(problems, "plan");
            PlanMeasurements.Links(json);
            return ExitCode.Ok;
        }
        if (parse.GetValue(_devices) is not { Length: > 0 } devices)
            return Usage.Report([.. problems, "--devices is needed: kinds such as 4xH100, or devices and ranks such as cpu,cpu"], "plan");
        var model = FindModel(parse.GetValue(_model)!, problems);
        var size = model is null ? default : (Width: model.Config.DefaultSize.Width, Height: model.Config.DefaultSize.Height);
        try
        {
            if (parse.GetValue(_size) is { } text)
                size = OptionText.Size(text);
        }
        catch (FormatException e)
        {
            problems.Add($"size {e.Message}");
        }
        if (size.Width % 16 != 0 || size.Height % 16 != 0)
            problems.Add($"size must be multiples of 16, not {size.Width}x{size.Height}");
        var steps = parse.GetValue(_steps);
        if (steps is < 1 or > 4)
            problems.Add($"steps must be from 1 to 4, not {steps}");
        if (parse.GetValue(_ticks) < 10 || parse.GetValue(_threads) < 1 || parse.GetValue(_bandwidth) <= 0 || parse.GetValue(_latency) < 0 || parse.GetValue(_depth) < 0)
            problems.Add("ticks must be at least 10, threads at least 1, the link's numbers and the depth not negative");
        if (parse.GetValue(_type) is not ("auto" or "float32" or "bfloat16"))
            problems.Add($"dtype must be auto, float32 or bfloat16, not {parse.GetValue(_type)}");
        var kinds = Kinds(devices);
        RankList? ranks = null;
        var cores = parse.GetValue(_cores)?.Split(',').Select(c => int.TryParse(c, NumberStyles.None, CultureInfo.InvariantCulture, out var core) ? core : -1).ToArray();
        if (cores?.Any(c => c < 0) == true)
            problems.Add($"cores must be a list such as 0,1, not {parse.GetValue(_cores)}");
        try
        {
            if (kinds is null)
                ranks = RankList.Parse(devices);
            if (ranks is not null && cores is not null && cores.Length != ranks.Devices.Count)
                problems.Add($"{cores.Length} cores for {ranks.Devices.Count} ranks of this process");
        }
        catch (ModelException)
        {
            problems.Add($"devices must be kinds with a profile (H100, H200) such as 4xH100, or devices and ranks such as cpu,cpu, not {devices}");
        }
        if (model is not null && (kinds?.Count ?? ranks?.Count) > model.Config.Dit.NumLayers)
            problems.Add($"{kinds?.Count ?? ranks!.Count} ranks cannot share the {model.Config.Dit.NumLayers} blocks of {model.Name}");
        if (problems.Count > 0)
            return Usage.Report(problems, "plan");

        var network = Shape(model!.Config, size, steps);
        if (kinds is not null)
            return Calculate(parse, network, size, [.. kinds.Select(k => DeviceProfile.Find(k, network)!)]);
        var benchmark = new RingBenchmarkOptions
        {
            Model = parse.GetValue(_random) ? model.WithRandomTransformer() : model,
            Type = parse.GetValue(_type)!,
            Ranks = ranks!,
            Steps = steps,
            Size = size,
            Ticks = parse.GetValue(_ticks),
            Threads = parse.GetValue(_threads),
            Cores = cores,
            Depth = parse.GetValue(_depth),
        };
        if (parse.GetValue(_spreads))
            PlanMeasurements.Spreads(benchmark, json);
        else
            PlanMeasurements.Ring(benchmark, Link(parse), network, timeline, json);
        return ExitCode.Ok;
    }

    // The list of devices may be a file, and so are what that names and the model.
    private IEnumerable<FileUse> FilesRead(ParseResult parse) =>
        [.. CommandFiles.OfModel(ModelName(parse.GetValue(_model)!)), .. RunFiles.OfRanks(parse.GetValue(_devices))];

    private LinkProfile Link(ParseResult parse) => new(parse.GetValue(_latency) * 1e-6, parse.GetValue(_bandwidth) * 1e9);

    private int Calculate(ParseResult parse, NetworkShape network, (int Width, int Height) size, IReadOnlyList<DeviceProfile> devices)
    {
        var link = Link(parse);
        var plan = Predict(network, size, devices, link, parse.GetValue(_depth));
        Line($"{network.Blocks} blocks of {network.Dim}, {size.Width}x{size.Height}, {network.Steps} steps, Wan VAE, bfloat16");
        for (var rank = 0; rank < devices.Count; rank++)
        {
            var (range, blocks) = (plan.Ranges[rank], plan.Ranges[rank].Count);
            var memory = blocks * (network.WeightBytesPerBlock + network.CacheBytesPerBlock);
            Line($"rank {rank}  {devices[rank].Name}  blocks {range.Start,2}-{range.End - 1,-2}  {plan.RankSeconds[rank] * 1e3,6:0.0} ms per tick{Vae(rank, devices.Count)}  {memory / 1e9:0.0} GB ({blocks * network.WeightBytesPerBlock / 1e9:0.0} weights, {blocks * network.CacheBytesPerBlock / 1e9:0.0} KV cache)");
        }
        foreach (var choice in Placements(network, size, devices, link, parse.GetValue(_depth)).Where(c => c.Plan.FramesPerSecond > 1.02 * plan.FramesPerSecond).Take(1))
            Line($"faster: {Where(choice, devices.Count)}, {choice.Plan.FramesPerSecond:0.0} frames per second (run --vae-device)");
        Line($"{plan.FramesPerSecond:0.0} frames per second, {plan.LatencySeconds * 1e3:0} ms from a chunk's last picture to its first restyled one, bound by {plan.Bound}");
        if (PublishedRates.Find(network, size.Width, size.Height, devices.Count) is { } published && devices.All(d => d.Name == "H100"))
            Line($"published on {devices.Count} H100: {published:0.00} ({(plan.FramesPerSecond / published - 1) * 100:+0;-0;0} %)");
        foreach (var source in devices.Select(d => $"{d.Name}: {d.Source}").Distinct())
            Line($"from {source}");
        return Verdict(parse.GetValue(_slo), plan.FramesPerSecond, count => Predict(network, size, [.. Enumerable.Repeat(devices[0], count)], link, 0).FramesPerSecond, network.Blocks);
    }

    private static ScalingPrediction Predict(NetworkShape network, (int Width, int Height) size, IReadOnlyList<DeviceProfile> devices, LinkProfile link, int depth)
    {
        var pixels = (double)size.Width * size.Height;
        var ranks = devices.Select((d, i) => new RankCost(
            d.BlockSeconds(network), 0, i == 0 ? d.EncodeSecondsPerPixel * pixels : 0, i == devices.Count - 1 ? d.DecodeSecondsPerPixel * pixels : 0)).ToArray();
        return ScalingModel.Predict(network.Blocks, ranks, link, network.TickBytes, network.Steps, depth, network.PicturesPerTick);
    }

    private static IReadOnlyList<VaeChoice> Placements(NetworkShape network, (int Width, int Height) size, IReadOnlyList<DeviceProfile> devices, LinkProfile link, int depth)
    {
        var pixels = (double)size.Width * size.Height;
        var costs = devices.Select(d => new RankCost(d.BlockSeconds(network), 0, d.EncodeSecondsPerPixel * pixels, d.DecodeSecondsPerPixel * pixels)).ToArray();
        return VaePlacement.Rank(network.Blocks, costs, ranks => ScalingModel.Predict(network.Blocks, ranks, link, network.TickBytes, network.Steps, depth, network.PicturesPerTick));
    }

    private static string Where(VaeChoice choice, int devices) => choice.Encode switch
    {
        -1 => "the VAE on a device of its own",
        _ when choice.Encode == choice.Decode => $"the whole VAE on rank {choice.Encode}",
        _ => $"VAE encode on rank 0, decode on rank {devices - 1}",
    };

    private static int Verdict(double? wanted, double reached, Func<int, double> with, int most)
    {
        if (wanted is not { } slo)
            return ExitCode.Ok;
        if (reached >= slo)
        {
            Line($"{slo:0.#} frames per second: reached");
            return ExitCode.Ok;
        }
        var enough = Enumerable.Range(1, Math.Min(most, 64)).FirstOrDefault(count => with(count) >= slo);
        Line(enough > 0 ? $"{slo:0.#} frames per second: not reached; {enough} such devices would" : (FormattableString)$"{slo:0.#} frames per second: not reached by any number of such devices: the VAE alone takes longer (use taehv, or a smaller size)");
        return ExitCode.Failed;
    }

    private static string Vae(int rank, int count) => (rank == 0, rank == count - 1) switch
    {
        (true, true) => ", VAE encode and decode with it",
        (true, false) => ", VAE encode with it",
        (false, true) => ", VAE decode with it",
        _ => "",
    };

    private static Model? FindModel(string name, List<string> problems)
    {
        try
        {
            return new ModelCatalog().Find(ModelName(name));
        }
        catch (ModelException e)
        {
            problems.Add(e.Message);
            return null;
        }
    }

    private static string ModelName(string name) => name.ToUpperInvariant() switch
    {
        "1.3B" => "wan2.1-t2v-1.3b-streamdiffusionv2",
        "14B" => "wan2.1-t2v-14b-streamdiffusionv2",
        _ => name,
    };

    private static NetworkShape Shape(ModelConfig model, (int Width, int Height) size, int steps) => new()
    {
        Blocks = model.Dit.NumLayers,
        Dim = model.Dit.Dim,
        FfnDim = model.Dit.FfnDim,
        Heads = model.Dit.NumHeads,
        FrameTokens = size.Width / 16 * (size.Height / 16),
        WindowFrames = model.KvCache.WindowFrames,
        TextLength = model.Dit.TextLen,
        Steps = steps,
    };

    private static List<string>? Kinds(string text)
    {
        var kinds = new List<string>();
        foreach (var entry in text.Split(','))
        {
            var match = Kind().Match(entry.Trim());
            // Which of two profiles of a kind counts depends on the network; that there is one does not.
            if (!match.Success || DeviceProfile.Find(match.Groups[2].Value, new NetworkShape { Blocks = 1, Dim = 1, FfnDim = 1, Heads = 1, FrameTokens = 1 }) is null)
                return null;
            var count = match.Groups[1].Success ? int.Parse(match.Groups[1].Value, CultureInfo.InvariantCulture) : 1;
            kinds.AddRange(Enumerable.Repeat(match.Groups[2].Value, count));
        }
        return kinds.Count > 0 ? kinds : null;
    }

    private static void Line(FormattableString text) => Console.Out.WriteLine(text.ToString(CultureInfo.InvariantCulture));

    [GeneratedRegex(@"^(?:(\d{1,3})x)?([A-Za-z]\w*)$")]
    private static partial Regex Kind();
}
