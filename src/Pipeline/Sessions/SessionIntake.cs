using StreamDiff.Pipeline.Chunking;
using StreamDiff.Pipeline.Live;
using StreamDiff.Transport.Media;

namespace StreamDiff.Pipeline.Sessions;

/// <summary>
/// Pictures of one session until they are a group for the encoder: four, five at the start. A few wait at most, and newer ones push older ones out; only as many groups are
/// under way as the transformer can take next.
/// </summary>
internal sealed class SessionIntake(bool keepsAll, TimeSpan deadline, SessionForm first, LiveClock clock, Action<FrameChunk, ChunkTrace> encode) : IDisposable
{
    // More than a group: one that is complete should not lose its first picture to the next one's.
    private const int SpareFrames = 2;

    private readonly Lock _gate = new();
    private readonly Queue<VideoFrame> _frames = new();
    private readonly FrameThinning _thinning = new();
    private Chunker _chunker = new();
    private SessionForm _form = first;
    private long _index;
    private long _dropped;
    private long _leftOut;
    private int _underWay;
    private int _wanted = 1;
    private int _everyNth = 1;
    private bool _isOver;

    /// <summary>Pictures offered.</summary>
    public long Offered => Interlocked.Read(ref _index);

    /// <summary>Pictures left out because the rate is lowered.</summary>
    public long LeftOut => Interlocked.Read(ref _leftOut);

    /// <summary>Pictures left out because there were too many.</summary>
    public long Dropped => Interlocked.Read(ref _dropped) + _thinning.Dropped;

    /// <summary>Groups that are being encoded, or were and wait for the transformer.</summary>
    public int UnderWay => Volatile.Read(ref _underWay);

    /// <summary>True when there will be no more groups.</summary>
    public bool IsEmpty
    {
        get
        {
            lock (_gate)
                return _isOver && _frames.Count == 0;
        }
    }

    /// <summary>Only every n-th picture is taken; 1 takes all.</summary>
    public void TakeEvery(int nth) => Volatile.Write(ref _everyNth, nth);

    /// <summary>Groups to come are of another form: the next one is the first of a stream, with five pictures.</summary>
    public void Become(SessionForm form)
    {
        lock (_gate)
        {
            _form = form;
            _chunker.Dispose();
            _chunker = new Chunker();
        }
        Pump();
    }

    /// <summary>Takes a picture over; never waits.</summary>
    public void Offer(VideoFrame frame, TimeSpan taken)
    {
        var index = Interlocked.Increment(ref _index) - 1;
        if (index % Volatile.Read(ref _everyNth) != 0)
        {
            Interlocked.Increment(ref _leftOut);
            frame.Dispose();
            return;
        }
        if (!keepsAll && !_thinning.Admits(taken))
        {
            frame.Dispose();
            return;
        }
        lock (_gate)
        {
            if (_isOver)
            {
                frame.Dispose();
                return;
            }
            // The index stays the source's own.
            (frame.Pts, frame.Duration) = (taken.Ticks, 0);
            if (!keepsAll && _frames.Count == _chunker.Wanted + SpareFrames)
            {
                _frames.Dequeue().Dispose();
                Interlocked.Increment(ref _dropped);
                _thinning.Overflowed(clock.Now);
            }
            _frames.Enqueue(frame);
        }
        Pump();
    }

    /// <summary>The next picture does not follow the ones before: a group of both would mix two times.</summary>
    public void Discontinue()
    {
        lock (_gate)
            Clear();
    }

    /// <summary>No picture will follow.</summary>
    public void Finish()
    {
        lock (_gate)
            _isOver = true;
        Pump();
    }

    /// <summary>Groups have gone on to the transformer, which would take so many at once next time.</summary>
    public void Admitted(int groups, int wanted)
    {
        lock (_gate)
        {
            _underWay -= groups;
            _wanted = Math.Max(1, wanted);
        }
        Pump();
    }

    /// <summary>Pictures have come out: how fast that goes is how many are let in when there are too many.</summary>
    public void Finished(int frames) => _thinning.Finished(frames, clock.Now);

    public void Dispose()
    {
        lock (_gate)
        {
            _isOver = true;
            Clear();
            _chunker.Dispose();
        }
    }

    private void Pump()
    {
        // Given on under the gate, or two threads could do it in the wrong order.
        lock (_gate)
        {
            while (Next() is { } chunk)
            {
                var first = TimeSpan.FromTicks(chunk.Timing[0].Pts);
                var trace = new ChunkTrace(first, first + deadline, _form);
                trace.Ended(SessionStage.Collect, clock.Now);
                encode(chunk, trace);
            }
        }
    }

    private FrameChunk? Next()
    {
        var isLast = _isOver && _frames.Count > 0 && _frames.Count < _chunker.Wanted;
        if (_underWay > _wanted || !(isLast || _frames.Count >= _chunker.Wanted))
            return null;
        _underWay++;
        while (_frames.TryDequeue(out var frame))
            if (_chunker.Add(frame) is { } chunk)
                return chunk;
        return _chunker.Finish();
    }

    private void Clear()
    {
        while (_frames.TryDequeue(out var frame))
        {
            frame.Dispose();
            Interlocked.Increment(ref _dropped);
        }
    }
}
