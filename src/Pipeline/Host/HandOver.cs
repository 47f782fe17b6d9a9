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

    /// <summary>A chunk is being decoded: its frames come one by one, and are given on as they come.</summary>
    /// <param name="trace">Of the chunk.</param>
    /// <param name="groups">Groups of frames that it stands for.</param>
    public Batch Begin(ChunkTrace trace, int groups)
    {
        var batch = new Batch(this, trace, groups);
        Batch? old = null;
        lock (_gate)
        {
            if (_isOver)
                return batch;
            if (!_request.KeepsAll && _batches.Count == BatchesWaiting)
                old = _batches.Dequeue();
            _batches.Enqueue(batch);
        }
        // One before it is complete: batches come one after the other.
        if (old is not null)
        {
            Interlocked.Add(ref _dropped, old.Drop());
            _finished(old.Groups);
        }
        return batch;
    }

    /// <summary>Ends. A receiver that does not come back is left behind with its thread; true when it has come back.</summary>
    public bool End()
    {
        lock (_gate)
        {
            _isOver = true;
            while (_batches.TryDequeue(out var batch))
                batch.Drop();
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

    // Waits for the first of them: a batch without frames yet must not keep its place in the queue from being given up.
    private Batch? Take()
    {
        lock (_gate)
        {
            while (!_isOver && !(_batches.TryPeek(out var first) && first.HasNews))
                Monitor.Wait(_gate);
            return _isOver ? null : _batches.Dequeue();
        }
    }

    private void Give(Batch batch)
    {
        while (batch.Take() is { } frame)
        {
            var taken = _request.TimeOf(frame.Pts);
            var finished = new FinishedFrame(frame, taken, taken + _request.Slo.Deadline, _clock.Now);
            _meter.Frame(finished, batch.Trace);
            try
            {
                _output(finished);
            }
            catch
            {
                batch.Drop();
                throw;
            }
        }
        if (!batch.IsEnded)
            return;
        batch.Trace.Ended(ChunkStage.HandOver, _clock.Now);
        _meter.Chunk(batch.Trace);
        _request.Traced?.Invoke(batch.Trace);
        _finished(batch.Groups);
    }

    /// <summary>Frames of a chunk, which come while others are decoded.</summary>
    internal sealed class Batch(HandOver handOver, ChunkTrace trace, int groups)
    {
        private readonly Queue<VideoFrame> _frames = new();
        private bool _isDropped;

        public ChunkTrace Trace => trace;

        public int Groups => groups;

        /// <summary>True once no frame follows.</summary>
        public bool IsEnded { get; private set; }

        /// <summary>True where there is something to do; within the lock.</summary>
        public bool HasNews => _frames.Count > 0 || IsEnded;

        /// <summary>Takes a frame over.</summary>
        public void Add(VideoFrame frame)
        {
            lock (handOver._gate)
            {
                if (!_isDropped && !handOver._isOver)
                {
                    _frames.Enqueue(frame);
                    Monitor.PulseAll(handOver._gate);
                    return;
                }
            }
            frame.Dispose();
        }

        /// <summary>No frame follows. Not said of a chunk that could not be decoded: its session ends.</summary>
        public void End()
        {
            lock (handOver._gate)
            {
                IsEnded = true;
                Monitor.PulseAll(handOver._gate);
            }
        }

        /// <summary>The next frame, waited for; null where there is none any more.</summary>
        public VideoFrame? Take()
        {
            lock (handOver._gate)
            {
                while (_frames.Count == 0 && !IsEnded && !handOver._isOver)
                    Monitor.Wait(handOver._gate);
                if (!handOver._isOver)
                    return _frames.TryDequeue(out var frame) ? frame : null;
                Drop();
                return null;
            }
        }

        /// <summary>Frees what was not given on; how many frames.</summary>
        public int Drop()
        {
            lock (handOver._gate)
            {
                _isDropped = true;
                var count = _frames.Count;
                while (_frames.TryDequeue(out var frame))
                    frame.Dispose();
                return count;
            }
        }
    }
}
