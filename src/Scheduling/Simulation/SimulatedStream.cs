using StreamDiff.Scheduling.Batching;
using StreamDiff.Scheduling.Latency;
using StreamDiff.Scheduling.Slo;

namespace StreamDiff.Scheduling.Simulation;

/// <summary>A stream in virtual time: what has been collected, what is in flight, what was handed over. The same rules as the lanes of the real thing.</summary>
internal sealed class SimulatedStream(int number, SimulatedDevice device, SessionSlo slo, int steps)
{
    private const int FramesPerLatent = 4;
    private const double Smoothing = 0.3;
    // As many latent frames wait at most; then the oldest goes.
    private const int MostWaiting = 4;

    // Seconds from admission to hand-over, as they were of late.
    private double _through = steps * device.Terms.Of(new TickShape(1, 1, device.FrameTokens, device.CachedFrames)) + device.Decode;
    private readonly List<double> _collecting = [];
    private readonly List<double[]> _waiting = [];
    private readonly List<Chunk> _flight = [];
    private long _chunks;
    private double _served;

    public List<double> Latencies { get; } = [];

    public long Arrived { get; private set; }

    public long Late { get; private set; }

    public long Dropped { get; private set; }

    public int WantedFrames { get; set; } = 1;

    /// <summary>A picture has come; true when it completes a latent frame, which the encoder gets then.</summary>
    public bool Collect(double at, out double[] latent)
    {
        Arrived++;
        _collecting.Add(at);
        latent = [];
        if (_collecting.Count < FramesPerLatent)
            return false;
        latent = [.. _collecting];
        _collecting.Clear();
        return true;
    }

    /// <summary>A latent frame comes out of the encoder.</summary>
    public void Encoded(double[] latent)
    {
        _waiting.Add(latent);
        if (_waiting.Count > MostWaiting)
            DropOldest();
    }

    /// <summary>Makes the next chunk when the one before has done its first step.</summary>
    public void Admit(double now)
    {
        if (_waiting.Count == 0 || (_flight.Count > 0 && _flight[^1].Step == 0))
            return;
        // What cannot be in time any more makes room for what can, down to the newest.
        while (_waiting.Count > 1 && _waiting[0][0] + slo.Deadline.TotalSeconds < now + _through)
            DropOldest();
        if (WantedFrames == 0)
            return;
        var count = Math.Min(_waiting.Count, WantedFrames);
        _flight.Add(new Chunk(_chunks++, [.. _waiting.Take(count).SelectMany(l => l)], count, now));
        _waiting.RemoveRange(0, count);
    }

    public StreamView View()
    {
        var ready = new List<RowView>();
        var before = int.MaxValue;
        foreach (var chunk in _flight)
        {
            if (chunk.Step < before && chunk.Step < steps)
                ready.Add(new RowView(chunk.Number, chunk.Step, steps - chunk.Step, chunk.Latents, Time(chunk.Pictures[^1]), Time(chunk.Pictures[0]) + slo.Deadline, device.CachedFrames, device.FrameTokens));
            before = chunk.Step;
        }
        return new StreamView(number, ready, _waiting.Count, steps, slo, Time(device.Decode), _served / slo.Weight, device.FrameTokens, device.CachedFrames);
    }

    /// <summary>Latent frames of a row.</summary>
    public int FramesOf(long chunk) => Find(chunk).Latents;

    /// <summary>A row has run; the pictures of a chunk that has done its last step, else none.</summary>
    public (double[] Pictures, double Admitted) Advance(long chunk)
    {
        var done = Find(chunk);
        _served += (double)done.Latents * device.FrameTokens;
        if (++done.Step < steps)
            return ([], 0);
        _flight.Remove(done);
        return (done.Pictures, done.Admitted);
    }

    public void HandOver(double[] pictures, double admitted, double now)
    {
        _through += Smoothing * (now - admitted - _through);
        foreach (var taken in pictures)
        {
            Latencies.Add(now - taken);
            Late += now - taken > slo.Deadline.TotalSeconds ? 1 : 0;
        }
    }

    private void DropOldest()
    {
        Dropped += _waiting[0].Length;
        _waiting.RemoveAt(0);
    }

    private Chunk Find(long chunk) => _flight.First(c => c.Number == chunk);

    private static TimeSpan Time(double seconds) => TimeSpan.FromSeconds(seconds);

    private sealed class Chunk(long number, double[] pictures, int latents, double admitted)
    {
        public long Number => number;

        public double[] Pictures => pictures;

        public double Admitted => admitted;

        public int Latents => latents;

        public int Step { get; set; }
    }
}
