using System.Globalization;
using System.Text.Json;
using StreamDiff.Bench.Reports;
using StreamDiff.Pipeline.Plan;
using StreamDiff.Pipeline.Ranks;
using StreamDiff.Scheduling.Placement;
using StreamDiff.Transport.Files;
using StreamDiff.Transport.Links;

namespace StreamDiff.Bench.Ranks;

/// <summary>
/// Measurements behind <c>streamdiff-bench ranks</c> and <c>links</c>: a ring against its plan, the block scheduler against every other
/// spread, the socket link against sockets.
/// </summary>
internal static class RankMeasurements
{
    // Ticks of other numbers of rows, while a ring fills, may be rounded otherwise in bfloat16.
    private const double LargestDifference = 0.05;

    private static readonly JsonSerializerOptions Indented = new() { WriteIndented = true };

    public static void Ring(RingBenchmarkOptions options, LinkProfile link, NetworkShape network, string? timeline, string? json)
    {
        var blocks = options.Model.Config.Dit.NumLayers;
        Line(
            $"{options.Model.Name}, {blocks} blocks, {options.Steps} steps, transformer only, {options.Ticks} ticks, {options.Threads} ",
            $"threads a rank, {Environment.ProcessorCount} processors here");
        var single = Single(options);
        var alone = RingBenchmark.OneRank(single);
        var one = alone.TickSeconds;
        var cost = RingBenchmark.Ring(single).Cost(0);
        Line($"one rank, no ring: {one * 1e3:0.0} ms per tick ({cost.Block * 1e3:0.00} ms a block, {cost.Other * 1e3:0.00} ms besides)");

        var ring = RingBenchmark.Ring(options);
        var plan = ScalingModel.Predict(blocks, [.. Enumerable.Repeat(cost, options.Ranks.Count)], link, network.TickBytes, options.Steps,
            options.Depth, ranges: ring.Ranges);
        Line(
            $"{options.Ranks.Count} ranks: {ring.TickSeconds * 1e3:0.0} ms per tick, {one / ring.TickSeconds:0.00} x one rank, ",
            $"{network.PicturesPerTick / ring.TickSeconds:0.0} pictures a second");
        for (var rank = 0; rank < ring.Carriers.Count; rank++)
            Line($"rank {rank} to rank {rank + 1}: {ring.Carriers[rank]}");
        var difference = alone.DifferenceTo(ring);
        Line($"largest difference to the output of one rank: {difference:0.0e+00} of the largest value");
        Line(
            $"planned from one rank: {plan.TickSeconds * 1e3:0.0} ms per tick ",
            $"({(plan.TickSeconds / ring.TickSeconds - 1) * 100:+0.0;-0.0;0.0} %), bound by {plan.Bound}");
        for (var rank = 0; rank < options.Ranks.Count; rank++)
        {
            double Share(Func<RankTiming, long> part) => 100 * ring.Mean(rank, part) / ring.TickSeconds;
            Line(
                $"rank {rank}  blocks {ring.Ranges[rank].Start}-{ring.Ranges[rank].End - 1}: {Share(t => t.Blocks):0.0} % blocks, ",
                $"{Share(t => t.Other):0.0} % embedding or head, {Share(t => t.Receive):0.00} % copying, {Share(t => t.Send):0.00} ",
                $"% handing over, {Share(t => t.Wait):0.0} % waiting");
        }
        Write(json, new
        {
            Model = options.Model.Name,
            Pictures = options.Size is { } size ? $"{size.Width}x{size.Height}" : null,
            options.Steps,
            Type = OptionText.Word(options.Type),
            Devices = options.Ranks.Devices.Select(d => d.Text).Concat(options.Ranks.Remote),
            OneRankSeconds = one,
            Gain = one / ring.TickSeconds,
            PicturesPerSecond = network.PicturesPerTick / ring.TickSeconds,
            ring.Carriers,
            DifferenceToOneRank = difference,
            Planned = plan,
            Measured = Summary(ring),
        });
        // Last, since a picture needs more of the machine than figures do.
        if (timeline is not null)
            TimelinePicture.Write(timeline, [.. ring.Ticks.Skip(ring.Ticks.Count / 2).Take(12)]);
        if (!(difference <= LargestDifference))
            throw new BenchmarkException(
                FormattableString.Invariant($"the ranks do not give what one rank gives: {difference:0.00} of the largest value apart"));
    }

    /// <summary>The last rank half as fast as the others, and the load of a VAE (two blocks' time) on both ends.</summary>
    public static void Spreads(RingBenchmarkOptions options, string? json)
    {
        var blocks = options.Model.Config.Dit.NumLayers;
        var block = RingBenchmark.Ring(Single(options)).Cost(0).Block;
        var ranks = options.Ranks.Count;
        options = options with
        {
            SlowPerBlock = [.. Enumerable.Range(0, ranks).Select(r => r == ranks - 1 ? block : 0)],
            LoadPerTick = [.. Enumerable.Range(0, ranks).Select(r => r == 0 || r == ranks - 1 ? 2 * block : 0)],
        };
        Line(
            $"{blocks} blocks of {block * 1e3:0.0} ms, rank {ranks - 1} half as fast, {2 * block * 1e3:0.0} ms of other load per tick on ",
            $"both ends");
        var spreads = new Dictionary<string, double>();
        foreach (var spread in AllSpreads(blocks, ranks))
        {
            var seconds = RingBenchmark.Ring(options with { Ranges = spread }).TickSeconds;
            spreads[Show(spread)] = seconds;
            Line($"blocks {Show(spread),-12} {seconds * 1e3,7:0.0} ms per tick");
        }
        var best = spreads.MinBy(s => s.Value);
        var even = Show(RankRing.EvenSplit(blocks, ranks));
        var rules = new Dictionary<string, RingMeasurement>
        {
            // What counts is what the first 50 ticks led to.
            ["continuous"] = RingBenchmark.Ring(options with { Balance = BlockBalance.Continuous, WarmUp = 50 }),
            ["published"] = RingBenchmark.Ring(options with { Balance = BlockBalance.Published, WarmUp = 50 }),
        };
        Line(
            $"best of all: {best.Key}, {best.Value * 1e3:0.0} ms; even split {even}: {spreads[even] * 1e3:0.0} ms, ",
            $"{(spreads[even] / best.Value - 1) * 100:+0.0;-0.0} %");
        foreach (var (name, run) in rules)
            Line(
                $"{name}: {Show(run.Ranges)}, {run.TickSeconds * 1e3:0.0} ms, {(run.TickSeconds / best.Value - 1) * 100:+0.0;-0.0} %; ",
                $"moved before ticks {string.Join(", ", run.Moves)}");
        Write(json, new { Spreads = spreads, Rules = rules.ToDictionary(r => r.Key, r => Summary(r.Value)) });
    }

    public static void Links(string? json)
    {
        var rows = new List<object>();
        foreach (var (bytes, count) in ((int, int)[])[(4 << 10, 2000), (256 << 10, 1000), (4 << 20, 200), (32 << 20, 30)])
        {
            var (link, raw) = (LinkBenchmark.Link(bytes, count), LinkBenchmark.Sockets(bytes, count));
            Line(
                $"{bytes >> 10,6} KiB  round trip {link.RoundTripMicroseconds,8:0} us (sockets {raw.RoundTripMicroseconds,8:0})  ",
                $"{link.BytesPerSecond / 1e9,5:0.00} GB/s (sockets {raw.BytesPerSecond / 1e9,5:0.00})  {link.ManagedBytes:0} ",
                $"managed bytes per message");
            rows.Add(new { Link = link, Sockets = raw });
        }
        Write(json, rows);
    }

    private static RingBenchmarkOptions Single(RingBenchmarkOptions options) => options with
    {
        Ranks = RankList.Parse(options.Ranks.Devices.Count > 0 ? options.Ranks.Devices[0].Text : "cpu"),
        Cores = options.Cores is { } cores ? [cores[0]] : null,
    };

    private static IEnumerable<BlockRange[]> AllSpreads(int blocks, int ranks, int start = 0)
    {
        if (ranks == 1)
        {
            yield return [new BlockRange(start, blocks)];
            yield break;
        }
        for (var end = start + 1; end <= blocks - ranks + 1; end++)
            foreach (var rest in AllSpreads(blocks, ranks - 1, end))
                yield return [new BlockRange(start, end), .. rest];
    }

    private static object Summary(RingMeasurement ring) => new
    {
        ring.TickSeconds,
        ring.Ranges,
        ring.Moves,
        Ranks = Enumerable.Range(0, ring.Ranges.Count).Select(r => new
        {
            Wait = ring.Mean(r, t => t.Wait),
            Receive = ring.Mean(r, t => t.Receive),
            Blocks = ring.Mean(r, t => t.Blocks),
            Other = ring.Mean(r, t => t.Other),
            Send = ring.Mean(r, t => t.Send),
        }),
    };

    private static string Show(IReadOnlyList<BlockRange> ranges) =>
        string.Join("+", ranges.Select(r => r.Count.ToString(CultureInfo.InvariantCulture)));

    private static void Write(string? path, object value)
    {
        if (path == "-")
            Console.Out.WriteLine(JsonSerializer.Serialize(value, Indented));
        else if (path is not null)
            WholeFile.Write(path, JsonSerializer.Serialize(value, Indented) + "\n");
    }

    private static void Line(params FormattableString[] parts) =>
        Console.Out.WriteLine(string.Concat(parts.Select(FormattableString.Invariant)));
}
