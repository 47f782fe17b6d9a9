using StreamDiff.Scheduling.Batching;
using StreamDiff.Scheduling.Latency;
using StreamDiff.Scheduling.Slo;

namespace StreamDiff.Scheduling.Simulation;

/// <summary>
/// Streams on one device in virtual time, driven by the very policies that run in real time. Events: a picture arrives, the encoder, a tick or the decoder has
/// finished. Many devices are as many simulations: streams do not move between them.
/// </summary>
public static class Simulator
{
    private const double ShortestWait = 1e-4;

    /// <param name="device">Times.</param>
    /// <param name="policy">Makes the decisions; fresh for each run.</param>
    /// <param name="load">When pictures come; one stream for each of its lists.</param>
    /// <param name="slo">Promised to each.</param>
    /// <param name="steps">Denoising steps.</param>
    /// <param name="model">Told of each tick, as in a real run; null for policies that predict nothing.</param>
    /// <param name="jitter">Standard deviation of the logarithm of tick times; 0 for none.</param>
    /// <param name="seed">Of the jitter.</param>
    public static SimulationResult Run(SimulatedDevice device, IBatchPolicy policy, Load load, SessionSlo slo, int steps, LatencyModel? model = null, double jitter = 0, int seed = 1)
    {
        var random = new Random(seed);
        var streams = load.Arrivals.Select((_, i) => new SimulatedStream(i, device, slo, steps)).ToArray();
        var events = new PriorityQueue<Action<double>, (double At, long Order)>();
        var order = 0L;
        var (encoderFree, decoderFree, busyUntil, wakeAt) = (0.0, 0.0, 0.0, double.NaN);
        var (busy, ticks, rows, end) = (0.0, 0L, 0L, 0.0);

        void At(double time, Action<double> what) => events.Enqueue(what, (time, order++));

        for (var i = 0; i < streams.Length; i++)
        {
            var stream = streams[i];
            foreach (var arrival in load.Arrivals[i])
                At(arrival, now =>
                {
                    if (!stream.Collect(arrival, out var latent))
                        return;
                    encoderFree = Math.Max(encoderFree, now) + device.Encode;
                    At(encoderFree, _ => stream.Encoded(latent));
                });
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
        return Result();

        void Decide(double now)
        {
            foreach (var stream in streams)
                stream.Admit(now);
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
            var shape = new TickShape(chosen.Length, chosen[0].Row.Frames, device.FrameTokens, device.CachedFrames);
            var seconds = device.Terms.Of(shape) * load.SlownessAt(now) * (jitter > 0 ? Math.Exp(jitter * Normal()) : 1);
            (busy, ticks, rows, busyUntil) = (busy + seconds, ticks + 1, rows + chosen.Length, now + seconds);
            At(busyUntil, done =>
            {
                model?.Observe(shape, TimeSpan.FromSeconds(seconds));
                foreach (var (stream, row) in chosen)
                {
                    var (pictures, admitted) = stream.Advance(row.Chunk);
                    if (pictures.Length == 0)
                        continue;
                    decoderFree = Math.Max(decoderFree, done) + device.Decode;
                    At(decoderFree, handed =>
                    {
                        stream.HandOver(pictures, admitted, handed);
                        end = handed;
                    });
                }
            });
        }

        double Normal() => Math.Sqrt(-2 * Math.Log(1 - random.NextDouble())) * Math.Cos(2 * Math.PI * random.NextDouble());

        SimulationResult Result()
        {
            var all = streams.SelectMany(s => s.Latencies).Order().ToArray();
            double Share(double share) => all.Length == 0 ? double.NaN : all[Math.Min((int)(share * all.Length), all.Length - 1)];
            var span = Math.Max(end, load.Seconds);
            return new SimulationResult(
                policy.Name, load.Kind, streams.Sum(s => s.Arrived), all.Length, streams.Sum(s => s.Late), streams.Sum(s => s.Dropped), all.Length / span,
                Share(0.5), Share(0.95), Share(0.99), all.Length == 0 ? double.NaN : all[^1], busy / span, ticks == 0 ? 0 : (double)rows / ticks,
                streams.Max(s => s.Arrived == 0 ? 0 : (double)(s.Late + s.Dropped) / s.Arrived));
        }
    }
}
