using StreamDiff.Scheduling.Batching;
using StreamDiff.Scheduling.Latency;
using StreamDiff.Scheduling.Slo;

namespace StreamDiff.Scheduling.Simulation;

/// <summary>
/// Streams on one device in virtual time, driven by the very policies that run in real time. Many devices are as many simulations
/// (<see cref="ManySimulations"/>): streams do not move between them.
/// </summary>
public static class Simulator
{
    /// <summary>As <see cref="Record"/> with modelled times, summed up.</summary>
    /// <param name="device">Times.</param>
    /// <param name="policy">Makes the decisions; fresh for each run.</param>
    /// <param name="load">When pictures come; one stream for each of its lists.</param>
    /// <param name="slo">Promised to each.</param>
    /// <param name="steps">Denoising steps.</param>
    /// <param name="model">Told of each tick, as in a real run; null for policies that predict nothing.</param>
    /// <param name="jitter">Standard deviation of the logarithm of tick times; 0 for none.</param>
    /// <param name="seed">Of the jitter.</param>
    public static SimulationResult Run(
        SimulatedDevice device, IBatchPolicy policy, Load load, SessionSlo slo, int steps, LatencyModel? model = null, double jitter = 0,
        int seed = 1) =>
        SimulationResult.Of([Record(device, policy, load, slo, steps, new ModelledTicks(device.Terms, jitter, seed), model)]);

    /// <summary>Runs a load to its end.</summary>
    /// <param name="device">What it takes to encode and decode, and the shape of a row.</param>
    /// <param name="policy">Makes the decisions; fresh for each run.</param>
    /// <param name="load">When pictures come; one stream for each of its lists.</param>
    /// <param name="slo">Promised to each.</param>
    /// <param name="steps">Denoising steps.</param>
    /// <param name="times">What ticks take where nothing slows them down; fresh for each run.</param>
    /// <param name="model">Told of each tick, as in a real run; null for policies that predict nothing.</param>
    public static SimulationRun Record(
        SimulatedDevice device, IBatchPolicy policy, Load load, SessionSlo slo, int steps, ITickTimes times, LatencyModel? model = null)
    {
        var time = new VirtualTime();
        var one = new VirtualDevice(time, device, policy, times, load.SlownessAt, model);
        var given = load.Arrivals.Select(_ => new List<SimulatedPicture>()).ToArray();
        var streams = given.Select((pictures, i) => new SimulatedStream(i, device, slo, steps)
        {
            HandedOver = (chunk, now) => pictures.AddRange(chunk.Pictures.Select(taken => new SimulatedPicture(taken, now))),
        }).ToArray();
        for (var i = 0; i < streams.Length; i++)
        {
            var stream = streams[i];
            one.Join(stream);
            var last = load.Arrivals[i].Count - 1;
            for (var a = 0; a <= last; a++)
            {
                var (arrival, isLast) = (load.Arrivals[i][a], a == last);
                time.At(arrival, now => one.Take(stream, arrival, isLast, now));
            }
        }
        time.Run();
        return new SimulationRun(
            policy.Name, load.Kind, Math.Max(one.LastHandOver, load.Seconds), one.Busy, one.Ticks, one.Rows,
            [.. streams.Select((s, i) => new StreamOutcome(s.Arrived, s.Late, s.Dropped, given[i]))]);
    }
}
