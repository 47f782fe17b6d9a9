using StreamDiff.Scheduling.Batching;
using StreamDiff.Scheduling.Latency;
using StreamDiff.Scheduling.Slo;

namespace StreamDiff.Scheduling.Simulation;

/// <summary>
/// Streams on one device in virtual time, driven by the very policies that run in real time. Events: a picture arrives, the encoder, a tick
/// or the decoder has finished. Many devices are as many simulations (<see cref="FleetSimulator"/>): streams do not move between them.
/// </summary>
public static class Simulator
{
    private const double ShortestWait = 1e-4;

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
        var streams = load.Arrivals.Select((_, i) => new SimulatedStream(i, device, slo, steps)).ToArray();
        var events = new PriorityQueue<Action<double>, (double At, long Order)>();
        var coding = new CodingEngines(device.CodingWorkers);
        var order = 0L;
        var (busyUntil, wakeAt) = (0.0, double.NaN);
        var (busy, ticks, rows, end) = (0.0, 0L, 0L, 0.0);

        void At(double time, Action<double> what) => events.Enqueue(what, (time, order++));

        for (var i = 0; i < streams.Length; i++)
        {
            var stream = streams[i];
            var last = load.Arrivals[i].Count - 1;
            for (var a = 0; a <= last; a++)
            {
                var (arrival, isLast) = (load.Arrivals[i][a], a == last);
                At(arrival, now =>
                {
                    stream.Take(arrival);
                    stream.HasEnded = isLast;
                    Encode(stream, now);
                });
            }
        }
        while (events.TryDequeue(out var what, out var place))
        {
            var now = place.At;
            what(now);
            // Everything of this moment first.
            if (events.TryPeek(out _, out var next) && next.At <= now)
                continue;
            if (now >= busyUntil)
                Decide(now);
        }
        return new SimulationRun(
            policy.Name, load.Kind, Math.Max(end, load.Seconds), busy, ticks, rows, [.. streams.Select(s => s.Outcome)]);

        void Encode(SimulatedStream stream, double now)
        {
            while (stream.NextGroup() is { } group)
                At(coding.Encode(now, device.Encode), _ => stream.Encoded(group));
        }

        void Decide(double now)
        {
            foreach (var stream in streams)
            {
                stream.Admit(now);
                Encode(stream, now);
            }
            var view = new SchedulerView(TimeSpan.FromSeconds(now), [.. streams.Select(s => s.View())], device.Lanes);
            var decision = policy.Next(view);
            foreach (var stream in streams)
                stream.WantedFrames = 1;
            foreach (var (stream, frames) in decision.ChunkFrames)
                streams[stream].WantedFrames = frames;
            if (decision.Rows.Count == 0)
            {
                if (decision.WaitUntil is { } until && (double.IsNaN(wakeAt) || wakeAt <= now))
                    At(wakeAt = Math.Max(until.TotalSeconds, now + ShortestWait), _ => { });
                return;
            }
            var chosen = decision.Rows.Select(r => (Stream: streams[r.Stream], Row: view.Streams[r.Stream].Ready[r.Row])).ToArray();
            var shape = new TickShape(chosen.Length, chosen[0].Row.Frames, device.FrameTokens, chosen.Max(c => c.Row.CachedFrames));
            var seconds = times.Next(shape) * load.SlownessAt(now);
            (busy, ticks, rows, busyUntil) = (busy + seconds, ticks + 1, rows + chosen.Length, now + seconds);
            At(busyUntil, done =>
            {
                model?.Observe(shape, TimeSpan.FromSeconds(seconds));
                foreach (var (stream, row) in chosen)
                    if (stream.Advance(row.Chunk) is { } chunk)
                        At(coding.Decode(done, device.Decode), handed =>
                        {
                            stream.HandOver(chunk, handed);
                            end = handed;
                        });
            });
        }
    }
}
