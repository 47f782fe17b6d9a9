using StreamDiff.Scheduling.Batching;
using StreamDiff.Scheduling.Latency;
using StreamDiff.Scheduling.Queues;
using StreamDiff.Scheduling.Slo;

namespace StreamDiff.Scheduling.Simulation;

/// <summary>
/// A stream in virtual time: what waits, what is in flight, what was handed over. The rules are those of a session: how many pictures and
/// groups may wait, and what goes first when there are too many.
/// </summary>
internal sealed class SimulatedStream(int number, SimulatedDevice device, SessionSlo slo, int steps)
{
    private const int FramesPerLatent = 4;
    private const int SparePictures = 2;
    private const double Smoothing = 0.1;

    private readonly NewestQueue<double> _pictures = new();
    private readonly List<double[]> _waiting = [];
    private readonly List<SimulatedChunk> _flight = [];
    // Seconds from admission to hand-over, as they were of late; nothing is known before the first.
    private double _through;
    private int _underWay;
    private int _takes = 1;
    private long _groups;
    private long _held;
    private long _arrived;
    private long _late;
    private long _dropped;
    private long _chunks;
    private double _served;
    private readonly int _weight = slo.Weight;

    /// <summary>Its name to policies.</summary>
    public int Number => number;

    /// <summary>True when it goes on elsewhere, or has ended: what was in flight here comes out no more.</summary>
    public bool HasLeft { get; set; }

    /// <summary>Takes each chunk that is handed over, and the second of that.</summary>
    public Action<SimulatedChunk, double>? HandedOver { get; init; }

    /// <summary>Pictures that came in.</summary>
    public long Arrived => _arrived;

    /// <summary>Pictures handed over.</summary>
    public long Handed { get; private set; }

    /// <summary>Pictures handed over after their deadline.</summary>
    public long Late => _late;

    /// <summary>Pictures given up.</summary>
    public long Dropped => _dropped;

    /// <summary>True when no picture will come and none is under way.</summary>
    public bool IsDone => HasEnded && _underWay == 0 && _flight.Count == 0 && _pictures.Count < GroupSize;

    /// <summary>Latent frames of the next chunk, where so many wait; 0 lets them wait.</summary>
    public int WantedFrames { get; set; } = 1;

    /// <summary>Who joins late has had as much as the one that had least.</summary>
    public void JoinAt(IReadOnlyList<SimulatedStream> others) =>
        _served = others.Count == 0 ? 0 : others.Min(s => s._served / s._weight) * _weight;

    /// <summary>A picture has come; the oldest one goes when too many wait.</summary>
    public void Take(double at)
    {
        _arrived++;
        _pictures.Add(at, GroupSize + SparePictures, _ => _dropped++);
    }

    /// <summary>
    /// Pictures for the encoder, when a group is complete and no more groups are under way than the transformer takes next; else null.
    /// </summary>
    public double[]? NextGroup()
    {
        if (_pictures.Count < GroupSize || _underWay > _takes)
            return null;
        var group = Enumerable.Range(0, GroupSize).Select(_ => _pictures.TryTake(out var at) ? at : 0).ToArray();
        (_underWay, _groups) = (_underWay + 1, _groups + 1);
        return group;
    }

    /// <summary>A group comes out of the encoder.</summary>
    public void Encoded(double[] group) => _waiting.Add(group);

    /// <summary>Makes the next chunk when the one before has done its first step.</summary>
    public void Admit(double now)
    {
        // What cannot be in time any more makes room for what can, down to the newest.
        while (_chunks > 0 && _waiting.Count > 1 && _waiting[0][0] + slo.Deadline.TotalSeconds < now + _through)
        {
            _dropped += _waiting[0].Length;
            Leave(1);
        }
        if (WantedFrames == 0 || _waiting.Count == 0 || (_flight.Count > 0 && _flight[^1].Step == 0) || _flight.Count > steps)
            return;
        // The first group is two latent frames already.
        var count = _chunks == 0 ? 1 : Math.Min(_waiting.Count, WantedFrames);
        var latents = _chunks == 0 ? 2 : count;
        var cached = (int)Math.Min(_held, Math.Max(0, device.CachedFrames + 1 - latents));
        _flight.Add(new SimulatedChunk(_chunks++, [.. _waiting.Take(count).SelectMany(l => l)], latents, cached, now));
        _held += latents;
        Leave(count);
    }

    /// <summary>No picture will come.</summary>
    public bool HasEnded { get; set; }

    public StreamView View()
    {
        var ready = new List<RowView>();
        var before = int.MaxValue;
        foreach (var chunk in _flight)
        {
            if (chunk.Step < before)
                ready.Add(new RowView(
                    chunk.Number, chunk.Step, steps - chunk.Step, chunk.Latents, Time(chunk.Pictures[^1]),
                    Time(chunk.Pictures[0]) + slo.Deadline, chunk.Cached, device.FrameTokens));
            // The first chunk does all its steps before the next one begins.
            before = chunk.Number == 0 ? 0 : chunk.Step;
        }
        var isDraining = HasEnded && _underWay == 0;
        return new StreamView(
            number, ready, _waiting.Count, steps, slo, Time(device.Decode), _served / _weight, device.FrameTokens, device.CachedFrames,
            isDraining);
    }

    /// <summary>A row has run; the chunk when that was its last step, else null.</summary>
    public SimulatedChunk? Advance(long number)
    {
        var chunk = _flight.First(c => c.Number == number);
        _served += (double)chunk.Latents * device.FrameTokens;
        if (++chunk.Step < steps)
            return null;
        _flight.Remove(chunk);
        return chunk;
    }

    public void HandOver(SimulatedChunk chunk, double now)
    {
        _through = Handed == 0 ? now - chunk.Admitted : _through + Smoothing * (now - chunk.Admitted - _through);
        foreach (var taken in chunk.Pictures)
            _late += now - taken > slo.Deadline.TotalSeconds ? 1 : 0;
        Handed += chunk.Pictures.Length;
        HandedOver?.Invoke(chunk, now);
    }

    private int GroupSize => _groups == 0 ? FramesPerLatent + 1 : FramesPerLatent;

    private void Leave(int groups)
    {
        _waiting.RemoveRange(0, groups);
        _underWay -= groups;
        _takes = Math.Max(1, WantedFrames);
    }

    private static TimeSpan Time(double seconds) => TimeSpan.FromSeconds(seconds);
}

/// <summary>A chunk on its way through the steps.</summary>
/// <param name="number">Place in its stream.</param>
/// <param name="pictures">Seconds of capture.</param>
/// <param name="latents">Latent frames.</param>
/// <param name="cached">Latent frames that it looks back on; a full window makes room for it.</param>
/// <param name="admitted">Second at which it began.</param>
internal sealed class SimulatedChunk(long number, double[] pictures, int latents, int cached, double admitted)
{
    public long Number => number;

    public double[] Pictures => pictures;

    public int Cached => cached;

    public double Admitted => admitted;

    public int Latents => latents;

    /// <summary>Steps done.</summary>
    public int Step { get; set; }
}
