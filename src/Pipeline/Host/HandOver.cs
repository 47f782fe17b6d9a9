using StreamDiff.Pipeline.Telemetry;
using StreamDiff.Transport.Media;

namespace StreamDiff.Pipeline.Host;

/// <summary>
/// Gives finished frames to whoever wants them, on a thread of the session's own: a receiver that is stuck holds up nobody else, and keeps
/// only so many frames.
/// </summary>
internal sealed class HandOver : IDisposable
{
    private const int BatchesWaiting = 4;
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(2);

    private readonly object _gate = new();
    private readonly Queue<Batch> _batches = new();
    private readonly SessionRequest _request;
    private readonly LiveClock _clock;
    private readonly ServiceMeter _meter;
    private readonly Action<FinishedFrame> _output;
    private readonly Action<int> _finished;
    private readonly Action<Exception> _failed;
    private readonly Thread _thread;
    private bool _isOver;
    private long _dropped;

    /// <param name="request">Deadline, and whether frames may be left out.</param>
    /// <param name="clock">The host's.</param>
    /// <param name="meter">Told of each frame.</param>
    /// <param name="output">Given each frame, in order.</param>
    /// <param name="finished">Told of the groups of frames that a batch stood for, when it is done.</param>
    /// <param name="failed">Told what the receiver threw.</param>
    public HandOver(
        SessionRequest request, LiveClock clock, ServiceMeter meter, Action<FinishedFrame> output, Action<int> finished,
        Action<Exception> failed)
    {
        (_request, _clock, _meter, _output, _finished, _failed) = (request, clock, meter, output, finished, failed);
        _thread = new Thread(Run) { Name = $"streamdiff session {request.Name}", IsBackground = true };
        _thread.Start();
    }

    /// <summary>Frames left out because the receiver was slow.</summary>
    public long Dropped => Interlocked.Read(ref _dropped);

    /// <summary>Takes a chunk's frames over.</summary>
    public void Add(IReadOnlyList<VideoFrame> frames, ChunkTrace trace, int groups)
    {
        Batch? old = null;
        lock (_gate)
        {
            if (_isOver)
                old = new Batch(frames, trace, groups);
            else
            {
                if (!_request.KeepsAll && _batches.Count == BatchesWaiting)
                    old = _batches.Dequeue();
                _batches.Enqueue(new Batch(frames, trace, groups));
                Monitor.Pulse(_gate);
            }
        }
        if (old is not { } batch)
            return;
        foreach (var frame in batch.Frames)
            frame.Dispose();
        Interlocked.Add(ref _dropped, batch.Frames.Count);
        _finished(batch.Groups);
    }

    /// <summary>Ends. A receiver that does not come back is left behind with its thread; true when it has come back.</summary>
    public bool End()
    {
        lock (_gate)
        {
            _isOver = true;
            while (_batches.TryDequeue(out var batch))
                foreach (var frame in batch.Frames)
                    frame.Dispose();
            Monitor.Pulse(_gate);
        }
        return Thread.CurrentThread == _thread || _thread.Join(Patience);
    }

    public void Dispose() => End();

    private void Run()
    {
        try
        {
            while (Take() is { } batch)
                Give(batch);
        }
        catch (Exception e)
        {
            _failed(e);
        }
    }

    private Batch? Take()
    {
        lock (_gate)
        {
            while (_batches.Count == 0 && !_isOver)
                Monitor.Wait(_gate);
            return _isOver ? null : _batches.Dequeue();
        }
    }

    private void Give(Batch batch)
    {
        var now = _clock.Now;
        batch.Trace.Ended(ChunkStage.HandOver, now);
        _meter.Chunk(batch.Trace);
        _request.Traced?.Invoke(batch.Trace);
        for (var i = 0; i < batch.Frames.Count; i++)
        {
            var taken = _request.TimeOf(batch.Frames[i].Pts);
            var finished = new FinishedFrame(batch.Frames[i], taken, taken + _request.Slo.Deadline, now);
            _meter.Frame(finished, batch.Trace);
            try
            {
                _output(finished);
            }
            catch
            {
                foreach (var rest in batch.Frames.Skip(i))
                    rest.Dispose();
                throw;
            }
        }
        _finished(batch.Groups);
    }

    private readonly record struct Batch(IReadOnlyList<VideoFrame> Frames, ChunkTrace Trace, int Groups);
}
