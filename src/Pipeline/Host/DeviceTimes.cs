using StreamDiff.Models.Cuda;
using StreamDiff.Pipeline.Telemetry;
using StreamDiff.Scheduling.Latency;

namespace StreamDiff.Pipeline.Host;

/// <summary>
/// How long ticks take on a device that computes them after they were collected, and when it will have nothing to do. Belongs to the
/// device's thread.
/// </summary>
/// <param name="clock">The host's.</param>
internal sealed class DeviceTimes(LiveClock clock)
{
    // In the order in which they were issued: one, or two for a moment.
    private readonly Queue<Running> _running = new();
    private readonly Dictionary<TickShape, TimeSpan> _took = [];
    private TimeSpan _end;
    private IDeviceMark? _last;

    /// <summary>True while a tick is computed.</summary>
    public bool IsBusy => _running.TryPeek(out var running) && !running.End.IsReached;

    /// <summary>A tick was given to the device.</summary>
    /// <param name="shape">What its time depends on.</param>
    /// <param name="begun">When.</param>
    /// <param name="isBehind">True where the one before it was not over.</param>
    /// <param name="start">Where it begins in the device's work; taken over.</param>
    /// <param name="end">Where it ends; taken over.</param>
    /// <param name="over">Told how long it took.</param>
    public void Add(TickShape shape, TimeSpan begun, bool isBehind, IDeviceMark start, IDeviceMark end, Action<TimeSpan> over)
    {
        _end = (isBehind && _end > begun ? _end : begun) + _took.GetValueOrDefault(shape);
        _running.Enqueue(new Running(shape, isBehind, start, end, over));
    }

    /// <summary>Takes the time of ticks that are over, and waits until no more than so many are not.</summary>
    public void Finish(int most)
    {
        while (_running.TryPeek(out var oldest) && (_running.Count > most || oldest.End.IsReached))
        {
            oldest.End.Wait();
            // In a pipe of ticks each takes as long as the distance to the one before, with what was decoded in between.
            var took = oldest.End.Since(oldest.IsBehind && _last is not null ? _last : oldest.Start);
            _running.Dequeue();
            oldest.Start.Dispose();
            _last?.Dispose();
            _last = oldest.End;
            // What a kind takes once, such as being recorded, is not expected of the next: soon less, and slowly more.
            _took[oldest.Shape] = _took.TryGetValue(oldest.Shape, out var known) && took > known ? known + (took - known) / 4 : took;
            oldest.Over(took);
        }
        if (_running.Count == 0 && clock.Now is var now && now < _end)
            _end = now;
    }

    /// <summary>
    /// When the device will have nothing to do: now, or by how long such ticks took of late. One of a new kind is waited for.
    /// </summary>
    public TimeSpan Free()
    {
        if (_running.Any(r => !_took.ContainsKey(r.Shape)))
            Finish(most: 0);
        var now = clock.Now;
        return _running.Count > 0 && _end > now ? _end : now;
    }

    /// <summary>Forgets what runs.</summary>
    public void Forget()
    {
        foreach (var running in _running)
        {
            running.Start.Dispose();
            running.End.Dispose();
        }
        _running.Clear();
        _last?.Dispose();
        _last = null;
    }

    private sealed record Running(TickShape Shape, bool IsBehind, IDeviceMark Start, IDeviceMark End, Action<TimeSpan> Over);
}
