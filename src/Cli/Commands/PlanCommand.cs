using System.CommandLine;
using System.Globalization;
using System.Text.RegularExpressions;
using StreamDiff.CommandLine;
using StreamDiff.Pipeline.Plan;
using StreamDiff.Scheduling.Placement;

namespace StreamDiff.Cli.Commands;

/// <summary>
/// <c>streamdiff plan</c>: what a set of devices will do, from profiles of them. <c>streamdiff-bench ranks</c> measures those that are
/// here.
/// </summary>
internal sealed partial class PlanCommand : Command
{
    private const string Wan = "wan";
    private const string Taehv = "taehv";
    private readonly NetworkOptions _network = new("14b");
    private readonly TableOptions _compute;
    private readonly Option<string> _devices = new("--devices")
    {
        HelpName = "LIST",
        Required = true,
        Description = "Kinds such as 4xH100 or H100,H200.",
    };
    private readonly Option<double?> _slo = new("--slo")
    {
        HelpName = "FPS",
        Description = "Frames per second wanted; the plan says whether they are reached, and with how many devices.",
    };

    public PlanCommand()
        : base("plan", "Say how a model spreads over several devices: blocks, frames per second, latency and memory of each. Example: "
            + "streamdiff plan --model 14b --devices 4xH100 --slo 30")
    {
        _network.AddTo(this);
        _compute = new TableOptions(this, ["vae", "precision"],
            ("vae", "Autoencoder: wan, or taehv where it was measured (H200). Default: wan, that of the published rates."),
            ("precision", "auto, or fp8 where it was measured (H200): products in float8."));
        foreach (var option in (Option[])[_devices, _slo])
            Add(option);
        SetAction(parse => Run(parse));
    }

    private int Run(ParseResult parse)
    {
        var problems = new List<string>();
        var spread = _network.Read(parse, problems);
        var kinds = Kinds(parse.GetValue(_devices)!);
        if (kinds is null)
            problems.Add(
                $"devices must be kinds with a profile (H100, H200) such as 4xH100, not {parse.GetValue(_devices)}; 'streamdiff-bench "
                    + "ranks' measures devices and ranks that are here");
        var given = new GivenOptions(OptionUse.Run);
        _compute.Give(parse, given);
        problems.AddRange(given.Problems.Select(p => p.Text));
        var compute = given.Read(new ComputeOptions { Vae = Wan });
        if (compute.Vae is not (Wan or Taehv))
            problems.Add($"vae must be {Wan} or {Taehv}, not {compute.Vae}");
        if (spread is not null && kinds?.Count > spread.Network.Blocks)
            problems.Add($"{kinds.Count} ranks cannot share the {spread.Network.Blocks} blocks of {spread.Model.Name}");
        IReadOnlyList<DeviceProfile> devices =
            spread is null || kinds is null ? [] : [.. Profiles(kinds, spread.Network, compute, problems)];
        if (problems.Count > 0)
            return Usage.Report(problems, "plan");
        var isFloat8 = compute.Precision == ComputePrecision.Fp8;
        Line($"{spread!.Network.Blocks} blocks of {spread.Network.Dim}, {spread.Size.Width}x{spread.Size.Height}, ",
            $"{spread.Network.Steps} steps, {(compute.Vae == Wan ? "Wan VAE" : "TAEHV")}, {(isFloat8 ? "float8" : "bfloat16")}");
        return Calculate(
            spread with { Network = spread.Network with { Float8 = isFloat8 } }, devices, parse.GetValue(_slo),
            isPublished: compute.Vae == Wan && !isFloat8);
    }

    private static List<DeviceProfile> Profiles(
        List<string> kinds, NetworkShape network, ComputeOptions compute, List<string> problems)
    {
        var profiles = new List<DeviceProfile>();
        foreach (var kind in kinds)
        {
            var profile = DeviceProfile.Find(kind, network)!;
            if (compute.Vae == Taehv)
                profile = Measured(profile, profile.WithTaehv(), $"--vae {Taehv}");
            if (compute.Precision == ComputePrecision.Fp8)
                profile = Measured(profile, profile.WithFloat8(), "--precision fp8");
            profiles.Add(profile);
        }
        return profiles;

        DeviceProfile Measured(DeviceProfile plain, DeviceProfile? with, string option)
        {
            var problem = $"{option} was not measured on {plain.Name}: leave it out, or plan with H200";
            if (with is null && !problems.Contains(problem))
                problems.Add(problem);
            return with ?? plain;
        }
    }

    private static int Calculate(SpreadNetwork spread, IReadOnlyList<DeviceProfile> devices, double? slo, bool isPublished)
    {
        var (_, size, network, link, depth) = spread;
        var plan = Predict(network, size, devices, link, depth);
        for (var rank = 0; rank < devices.Count; rank++)
        {
            var (range, blocks) = (plan.Ranges[rank], plan.Ranges[rank].Count);
            var cache = network.CacheBytes(range.Start, blocks);
            var weights = network.WeightBytes(range.Start, blocks);
            Line(
                $"rank {rank}  {devices[rank].Name}  blocks {range.Start,2}-{range.End - 1,-2}  {plan.RankSeconds[rank] * 1e3,6:0.0} ms ",
                $"per tick{Vae(rank, devices.Count)}  {(weights + cache) / 1e9:0.0} GB ({weights / 1e9:0.0} ",
                $"weights, {cache / 1e9:0.0} KV cache)");
        }
        foreach (var choice in Placements(network, size, devices, link, depth)
            .Where(c => c.Plan.FramesPerSecond > 1.02 * plan.FramesPerSecond).Take(1))
            Line($"faster: {Where(choice, devices.Count)}, {choice.Plan.FramesPerSecond:0.0} frames per second (run --vae-device)");
        Line(
            $"{plan.FramesPerSecond:0.0} frames per second, {plan.LatencySeconds * 1e3:0} ms from a chunk's last picture to its first ",
            $"restyled one, bound by {plan.Bound}");
        if (isPublished && devices.All(d => d.Name == "H100")
            && PublishedRates.Find(network, size.Width, size.Height, devices.Count) is { } published)
            Line($"published on {devices.Count} H100: {published:0.00} ({(plan.FramesPerSecond / published - 1) * 100:+0;-0;0} %)");
        foreach (var source in devices.Select(d => $"{d.Name}: {d.Source}").Distinct())
            Line($"from {source}");
        return Verdict(slo, plan.FramesPerSecond,
            count => Predict(network, size, [.. Enumerable.Repeat(devices[0], count)], link, 0).FramesPerSecond, network.Blocks);
    }

    private static ScalingPrediction Predict(
        NetworkShape network, (int Width, int Height) size, IReadOnlyList<DeviceProfile> devices, LinkProfile link, int depth)
    {
        var pixels = (double)size.Width * size.Height;
        var ranks = devices.Select((d, i) => new RankCost(
            d.BlockSeconds(network), 0, i == 0 ? d.EncodeSecondsPerPixel * pixels : 0,
            i == devices.Count - 1 ? d.DecodeSecondsPerPixel * pixels : 0)).ToArray();
        return ScalingModel.Predict(network.Blocks, ranks, link, network.TickBytes, network.Steps, depth, network.PicturesPerTick);
    }

    private static IReadOnlyList<VaeChoice> Placements(
        NetworkShape network, (int Width, int Height) size, IReadOnlyList<DeviceProfile> devices, LinkProfile link, int depth)
    {
        var pixels = (double)size.Width * size.Height;
        var costs = devices.Select(d =>
            new RankCost(d.BlockSeconds(network), 0, d.EncodeSecondsPerPixel * pixels, d.DecodeSecondsPerPixel * pixels)).ToArray();
        return VaePlacement.Rank(network.Blocks, costs,
            ranks => ScalingModel.Predict(network.Blocks, ranks, link, network.TickBytes, network.Steps, depth, network.PicturesPerTick));
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
        var how = enough > 0
            ? $"; {enough} such devices would"
            : " by any number of such devices: the VAE alone takes longer (use taehv, or a smaller size)";
        Line($"{slo:0.#} frames per second: not reached{how}");
        return ExitCode.Failed;
    }

    private static string Vae(int rank, int count) => (rank == 0, rank == count - 1) switch
    {
        (true, true) => ", VAE encode and decode with it",
        (true, false) => ", VAE encode with it",
        (false, true) => ", VAE decode with it",
        _ => "",
    };

    private static List<string>? Kinds(string text)
    {
        var kinds = new List<string>();
        foreach (var entry in text.Split(','))
        {
            var match = Kind().Match(entry.Trim());
            // Which of two profiles of a kind counts depends on the network; that there is one does not.
            if (!match.Success || DeviceProfile.Find(
                match.Groups[2].Value, new NetworkShape { Blocks = 1, Dim = 1, FfnDim = 1, Heads = 1, FrameTokens = 1 }) is null)
                return null;
            var count = match.Groups[1].Success ? int.Parse(match.Groups[1].Value, CultureInfo.InvariantCulture) : 1;
            kinds.AddRange(Enumerable.Repeat(match.Groups[2].Value, count));
        }
        return kinds.Count > 0 ? kinds : null;
    }

    private static void Line(params FormattableString[] parts) =>
        Console.Out.WriteLine(string.Concat(parts.Select(FormattableString.Invariant)));

    [GeneratedRegex(@"^(?:(\d{1,3})x)?([A-Za-z]\w*)$")]
    private static partial Regex Kind();
}
