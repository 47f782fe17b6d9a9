namespace StreamDiff.Scheduling.Placement;

/// <summary>A link between neighbours of a ring.</summary>
/// <param name="Latency">Seconds that a message takes however short it is.</param>
/// <param name="BytesPerSecond">Rate of long ones.</param>
public readonly record struct LinkProfile(double Latency, double BytesPerSecond)
{
    public double Seconds(double bytes) => Latency + bytes / BytesPerSecond;
}

/// <summary>Time that one rank needs, by what it does. Seconds.</summary>
/// <param name="Block">One block, all rows of a tick.</param>
/// <param name="Other">Whatever its blocks: embedding, head.</param>
/// <param name="Encode">VAE encoder per chunk, if this rank has it.</param>
/// <param name="Decode">VAE decoder per chunk, if this rank has it.</param>
public readonly record struct RankCost(double Block, double Other, double Encode, double Decode);

/// <summary>What a ring of ranks is expected to do.</summary>
/// <param name="Ranges">Blocks of each rank.</param>
/// <param name="RankSeconds">Time of each rank per tick.</param>
/// <param name="TickSeconds">Time between two ticks.</param>
/// <param name="FramesPerSecond">Pictures.</param>
/// <param name="LatencySeconds">From a chunk's last picture to its first restyled one.</param>
/// <param name="Bound">What keeps it from being faster.</param>
public sealed record ScalingPrediction(
    IReadOnlyList<BlockRange> Ranges, IReadOnlyList<double> RankSeconds, double TickSeconds, double FramesPerSecond, double LatencySeconds,
    string Bound);

/// <summary>
/// How fast a ring of ranks is: as fast as its slowest rank, its slowest link, or the way round divided by the ticks in flight.
/// </summary>
public static class ScalingModel
{
    /// <param name="blocks">Blocks of the network.</param>
    /// <param name="ranks">Cost of each rank, the encoder counted on the first and the decoder on the last; others are looked at where they
    /// are given.</param>
    /// <param name="link">Every link of the ring.</param>
    /// <param name="tickBytes">Bytes that a rank hands on in a tick.</param>
    /// <param name="steps">Denoising steps.</param>
    /// <param name="depth">Ticks in flight; 0 for one more than ranks, and 1 for a single rank.</param>
    /// <param name="picturesPerTick">Pictures in a chunk.</param>
    /// <param name="ranges">Spread of the blocks; null for the best.</param>
    public static ScalingPrediction Predict(
        int blocks, IReadOnlyList<RankCost> ranks, LinkProfile link, double tickBytes, int steps, int depth = 0, int picturesPerTick = 4,
        IReadOnlyList<BlockRange>? ranges = null)
    {
        var loads = ranks.Select(r => new RankLoad(r.Other + r.Encode + r.Decode, r.Block)).ToArray();
        ranges ??= BlockPlacement.Best(blocks, loads);
        var seconds = loads.Select((l, i) => l.Time(ranges[i].Count)).ToArray();
        var inFlight = depth > 0 ? depth : ranks.Count == 1 ? 1 : ranks.Count + 1;
        var hop = ranks.Count == 1 ? 0 : link.Seconds(tickBytes);

        var round = ranks.Select((r, i) => r.Other + r.Block * ranges[i].Count).Sum() + ranks.Count * hop;
        var (slowest, ring) = (seconds.Max(), steps > 1 ? round / inFlight : 0);
        var tick = Math.Max(Math.Max(slowest, hop), ring);
        var bound = tick == slowest
            ? $"rank {Array.IndexOf(seconds, slowest)}"
            : tick == hop ? "the link" : "the way round the ring: more ticks in flight would help";
        // Each step after the first waits for the ticks in flight.
        var latency = ranks.Sum(r => r.Encode + r.Decode) + (steps - 1) * inFlight * tick + round;
        return new ScalingPrediction(ranges, seconds, tick, picturesPerTick / tick, latency, bound);
    }
}
