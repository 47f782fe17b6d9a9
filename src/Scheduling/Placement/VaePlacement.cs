namespace StreamDiff.Scheduling.Placement;

/// <summary>Where the VAE's two halves run.</summary>
/// <param name="Encode">Rank of the encoder; -1 for a device of its own, without blocks.</param>
/// <param name="Decode">Rank of the decoder; -1 likewise.</param>
/// <param name="Plan">What the ring then does.</param>
public sealed record VaeChoice(int Encode, int Decode, ScalingPrediction Plan);

/// <summary>
/// Tries the places that a VAE can have: encoder and decoder at both ends, both at either end, or on one of the devices by themselves,
/// which then holds no blocks.
/// </summary>
public static class VaePlacement
{
    /// <summary>All of them, fastest first.</summary>
    /// <param name="blocks">Blocks of the network.</param>
    /// <param name="devices">Devices in the order of the ring, with what the VAE would cost on each.</param>
    /// <param name="predict">The scaling model for ranks and their blocks.</param>
    public static IReadOnlyList<VaeChoice> Rank(
        int blocks, IReadOnlyList<RankCost> devices, Func<IReadOnlyList<RankCost>, ScalingPrediction> predict)
    {
        var last = devices.Count - 1;
        var choices = new List<VaeChoice>();
        // More devices than blocks: not all of them can be ranks.
        (int, int)[] ends = devices.Count <= blocks ? [(0, last), (0, 0), (last, last)] : [];
        foreach (var (encode, decode) in ends)
            choices.Add(new VaeChoice(encode, decode, predict(
                [.. devices.Select((d, i) => d with { Encode = i == encode ? d.Encode : 0, Decode = i == decode ? d.Decode : 0 })])));
        if (devices.Count > 1 && last <= blocks)
            choices.Add(new VaeChoice(-1, -1, Alone(devices, predict)));
        return [.. choices.DistinctBy(c => (c.Encode, c.Decode)).OrderByDescending(c => c.Plan.FramesPerSecond)];
    }

    // The last device has the VAE and nothing else; it is one more stage, as fast as its two halves together.
    private static ScalingPrediction Alone(IReadOnlyList<RankCost> devices, Func<IReadOnlyList<RankCost>, ScalingPrediction> predict)
    {
        var vae = devices[^1].Encode + devices[^1].Decode;
        var ring = predict([.. devices.Take(devices.Count - 1).Select(d => d with { Encode = 0, Decode = 0 })]);
        var pictures = ring.FramesPerSecond * ring.TickSeconds;
        var tick = Math.Max(ring.TickSeconds, vae);
        return ring with
        {
            TickSeconds = tick,
            FramesPerSecond = pictures / tick,
            LatencySeconds = ring.LatencySeconds * tick / ring.TickSeconds + vae,
            Bound = vae > ring.TickSeconds ? "the VAE's device" : ring.Bound,
        };
    }
}
