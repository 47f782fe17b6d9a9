using StreamDiff.Scheduling.Batching;
using StreamDiff.Scheduling.Latency;

namespace StreamDiff.Scheduling.Simulation;

/// <summary>
/// A device in virtual time, driven by the very policies that run in real time; streams come and go. Events: a picture arrives, the
/// encoder, a tick or the decoder has finished.
/// </summary>
/// <param name="time">Of this device and all others.</param>
/// <param name="device">What it takes to encode and decode, and the shape of a row.</param>
/// <param name="policy">Makes the decisions; this device's own.</param>
/// <param name="times">What ticks take where nothing slows them down; this device's own.</param>
/// <param name="slowness">How much longer a tick takes that begins then.</param>
/// <param name="model">Told of each tick, as in a real run; null for policies that predict nothing.</param>
internal sealed class VirtualDevice(
    VirtualTime time, SimulatedDevice device, IBatchPolicy policy, ITickTimes times, Func<double, double> slowness, LatencyModel? model)
{
    private const double ShortestWait = 1e-4;

    private readonly List<SimulatedStream> _streams = [];
    private readonly CodingEngines _coding = new(device.CodingWorkers);
    private double _busyUntil;
    private double _wakeAt = double.NaN;

    /// <summary>True between something that happens to it and <see cref="Decide"/>.</summary>
    public bool IsTouched { get; set; }

    /// <summary>Seconds in which the transformer ran.</summary>
    public double Busy { get; private set; }

    /// <summary>Passes of the network.</summary>
    public long Ticks { get; private set; }

    /// <summary>Rows of all passes together.</summary>
    public long Rows { get; private set; }

    /// <summary>Second of the last hand-over.</summary>
    public double LastHandOver { get; private set; }

    /// <summary>Lets a stream in, whose number no other one here has.</summary>
    public void Join(SimulatedStream stream)
    {
        stream.JoinAt(_streams);
        _streams.Add(stream);
    }

    /// <summary>A stream goes; what it has in flight is lost.</summary>
    public void Leave(SimulatedStream stream)
    {
        stream.HasLeft = true;
        _streams.Remove(stream);
    }

    /// <summary>A stream's picture has come.</summary>
    public void Take(SimulatedStream stream, double arrival, bool isLast, double now)
    {
        time.Touch(this);
        stream.Take(arrival);
        stream.HasEnded = isLast;
        Encode(stream, now);
    }

    /// <summary>Everything of this moment has happened: what runs next?</summary>
    public void Decide(double now)
    {
        if (now < _busyUntil || _streams.Count == 0)
            return;
        foreach (var stream in _streams)
        {
            stream.Admit(now);
            Encode(stream, now);
        }
        _streams.RemoveAll(s => s.IsDone);
        var view = new SchedulerView(TimeSpan.FromSeconds(now), [.. _streams.Select(s => s.View())], device.Lanes);
        var decision = policy.Next(view);
        foreach (var stream in _streams)
            stream.WantedFrames = decision.ChunkFrames.GetValueOrDefault(stream.Number, 1);
        if (decision.Rows.Count == 0)
        {
            if (decision.WaitUntil is { } until && (double.IsNaN(_wakeAt) || _wakeAt <= now))
                time.At(_wakeAt = Math.Max(until.TotalSeconds, now + ShortestWait), _ => time.Touch(this));
            return;
        }
        var chosen = new (SimulatedStream Stream, RowView Row)[decision.Rows.Count];
        for (var i = 0; i < chosen.Length; i++)
        {
            var place = _streams.FindIndex(s => s.Number == decision.Rows[i].Stream);
            chosen[i] = (_streams[place], view.Streams[place].Ready[decision.Rows[i].Row]);
        }
        Run(chosen, now);
    }

    private void Run((SimulatedStream Stream, RowView Row)[] chosen, double now)
    {
        var shape = new TickShape(chosen.Length, chosen[0].Row.Frames, device.FrameTokens, chosen.Max(c => c.Row.CachedFrames));
        var seconds = times.Next(shape) * slowness(now);
        (Busy, Ticks, Rows, _busyUntil) = (Busy + seconds, Ticks + 1, Rows + chosen.Length, now + seconds);
        time.At(_busyUntil, done =>
        {
            time.Touch(this);
            model?.Observe(shape, TimeSpan.FromSeconds(seconds));
            foreach (var (stream, row) in chosen)
                if (!stream.HasLeft && stream.Advance(row.Chunk) is { } chunk)
                    time.At(_coding.Decode(done, device.Decode), handed => HandOver(stream, chunk, handed));
        });
    }

    private void HandOver(SimulatedStream stream, SimulatedChunk chunk, double now)
    {
        time.Touch(this);
        if (stream.HasLeft)
            return;
        stream.HandOver(chunk, now);
        LastHandOver = now;
    }

    private void Encode(SimulatedStream stream, double now)
    {
        while (stream.NextGroup() is { } group)
            time.At(_coding.Encode(now, device.Encode), _ =>
            {
                time.Touch(this);
                stream.Encoded(group);
            });
    }
}
