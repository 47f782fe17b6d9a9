using StreamDiff.Pipeline.Stream;
using StreamDiff.Pipeline.Telemetry;
using StreamDiff.Scheduling.Queues;
using StreamDiff.Transport.Media;

namespace StreamDiff.Pipeline.Host;

/// <summary>
/// Frames of one session until they are a group for the encoder: four, five at the start. A few wait at most, and newer ones push older
/// ones out; only as many groups are under way as the transformer can take next. A session that keeps all lets its source wait instead.
/// </summary>
/// <param name="request">The session's.</param>
/// <param name="first">As what its first groups are computed.</param>
/// <param name="chunkers">Makes what groups frames.</param>
/// <param name="most">Groups of a session that keeps all which may be anywhere between here and its receiver.</param>
/// <param name="clock">The host's.</param>
/// <param name="encode">Takes a group over.</param>
/// <param name="prepare">
/// Takes a picture over that is likely to be in the next group: its form, when the group it begins is due, and whether it is its first one.
/// </param>
internal sealed class Intake(
    SessionRequest request, StreamForm first, Func<Chunker> chunkers, Func<int> most, LiveClock clock,
    Action<FrameChunk, ChunkTrace> encode, Action<PreparedPicture> prepare) : IDisposable
{
    // More than a group: one that is complete should not lose its first frame to the next one's.
    private const int SpareFrames = 2;
    private const double Smoothing = 0.2;
    private const double EncodingMargin = 1.5;
    private static readonly TimeSpan Ahead = TimeSpan.FromMilliseconds(30);

    private readonly object _gate = new();
    private readonly NewestQueue<VideoFrame> _frames = new();
    private readonly FrameThinning _thinning = new();
    private readonly bool _keepsAll = request.KeepsAll;
    private readonly FramePool _copies = new(Chunker.FramesPerLatent);
    private Chunker _chunker = chunkers();
    private StreamForm _form = first;
    private long _index;
    private long _dropped;
    private long _passed;
    private long _leftOut;
    private int _prepared;
    private int _underWay;
    private int _inHouse;
    private int _wanted = request.Controls?.Recording?.Groups(0) ?? 1;
    private int _everyNth = 1;
    private TimeSpan? _admitted;
    private TimeSpan _cycle;
    private TimeSpan _encoding;
    private TimeSpan _notBefore;
    private bool _isOver;

    /// <summary>Frames offered.</summary>
    public long Offered => Interlocked.Read(ref _index);

    /// <summary>Frames left out because the rate is lowered.</summary>
    public long LeftOut => Interlocked.Read(ref _leftOut);

    /// <summary>Frames left out because there were too many.</summary>
    public long Dropped => Interlocked.Read(ref _dropped) + _thinning.Dropped;

    /// <summary>Frames left out because what came next did not follow them: however fast all is, they cannot become a group.</summary>
    public long Passed => Interlocked.Read(ref _passed);

    /// <summary>True when no more groups will come to the transformer than wait for it.</summary>
    public bool HasGivenAll(int waiting)
    {
        lock (_gate)
            return _isOver && _frames.Count == 0 && _underWay == waiting;
    }

    /// <summary>True when all groups have come to their end, and there will be no more.</summary>
    public bool IsDone
    {
        get
        {
            lock (_gate)
                return _isOver && _frames.Count == 0 && _inHouse == 0;
        }
    }

    /// <summary>Only every n-th frame is taken; 1 takes all.</summary>
    public void TakeEvery(int nth) => Volatile.Write(ref _everyNth, nth);

    /// <summary>Groups to come are of another form: the next one is the first of a stream, with five frames.</summary>
    public void Become(StreamForm form)
    {
        lock (_gate)
        {
            _form = form;
            _prepared = 0;
            _chunker.Dispose();
            _chunker = chunkers();
        }
        Pump();
    }

    /// <summary>Waits until there is room for another frame, or there is no more use in one.</summary>
    public void WaitForRoom()
    {
        lock (_gate)
            while (_frames.Count >= _chunker.Wanted + SpareFrames && !_isOver)
                Monitor.Wait(_gate);
    }

    /// <summary>Takes a frame over; never waits.</summary>
    public void Offer(VideoFrame frame, TimeSpan taken)
    {
        var index = Interlocked.Increment(ref _index) - 1;
        if (index % Volatile.Read(ref _everyNth) != 0)
        {
            Interlocked.Increment(ref _leftOut);
            frame.Dispose();
            return;
        }
        if (!_keepsAll && !_thinning.Admits(taken))
        {
            frame.Dispose();
            Pump();
            return;
        }
        lock (_gate)
        {
            if (_isOver)
            {
                frame.Dispose();
                return;
            }
            // The index stays the source's own: a log names frames by it.
            if (request.Time is null)
                (frame.Pts, frame.Duration) = (taken.Ticks, 0);
            _frames.Add(frame, _keepsAll ? long.MaxValue : _chunker.Wanted + (request.HoldsLittle ? 0 : SpareFrames), Drop);
        }
        Pump();
    }

    /// <summary>The next frame does not follow the ones before: a group of both would mix two times.</summary>
    public void Discontinue()
    {
        _thinning.Restart();
        lock (_gate)
        {
            (_admitted, _notBefore) = (null, TimeSpan.Zero);
            Clear();
        }
    }

    /// <summary>No frame will follow.</summary>
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
            if (request.HoldsLittle)
                Schedule();
        }
        Pump();
    }

    /// <summary>A group took so long to be encoded.</summary>
    public void Encoded(TimeSpan time)
    {
        lock (_gate)
            _encoding = Follow(_encoding, time);
    }

    /// <summary>
    /// Groups have come to their end, shown or not: how fast that goes is how many frames are let in when there are too many.
    /// </summary>
    public void Left(int groups)
    {
        bool isBusy;
        lock (_gate)
        {
            _inHouse -= groups;
            isBusy = _underWay > (request.HoldsLittle ? 0 : 1) || _frames.Count >= _chunker.Wanted;
        }
        _thinning.Finished(groups * Chunker.FramesPerLatent, clock.Now, isBusy);
        if (_keepsAll)
            Pump();
    }

    public void Dispose()
    {
        lock (_gate)
        {
            _isOver = true;
            Clear();
            _chunker.Dispose();
            _copies.Dispose();
        }
    }

    private void Pump()
    {
        // Given on under the gate, or two threads could do it in the wrong order.
        lock (_gate)
        {
            while (Next() is { } chunk)
            {
                var taken = request.TimeOf(chunk.Timing[0].Pts);
                var trace = new ChunkTrace(taken, taken + request.Slo.Deadline, _form);
                trace.Ended(ChunkStage.Collect, clock.Now);
                encode(chunk, trace);
            }
            Prepare();
            Monitor.PulseAll(_gate);
        }
    }

    // While a group is collected, what is there of it is encoded as far as that goes: a copy, since the frame itself may still be left out.
    // Not where the group would have to wait in any case, nor of a file, whose frames nobody waits for.
    private void Prepare()
    {
        if (_isOver || _keepsAll || !_form.TakesPictures || IsFull || _thinning.IsBehind)
            return;
        foreach (var frame in _frames.Take(_chunker.Wanted - 1).Skip(_prepared))
        {
            var copy = VideoFrame.Rent(_copies, frame.Width, frame.Height);
            frame.Pixels.CopyTo(copy.Pixels);
            FrameTiming.Of(frame).Mark(copy);
            _frames.TryPeek(out var first);
            prepare(new PreparedPicture(copy, _form, request.TimeOf(first!.Pts) + request.Slo.Deadline, IsFirst: _prepared++ == 0));
        }
    }

    // Frames that wait for the transformer wait here, where newer ones replace them, and are encoded just before it is free: as soon after
    // the group before as that one was after its own, less what encoding takes and a little, so that it goes faster where it can.
    private void Schedule()
    {
        var now = clock.Now;
        _cycle = _admitted is { } before ? Follow(_cycle, now - before) : TimeSpan.Zero;
        _admitted = now;
        _notBefore = now + _cycle - (_encoding * EncodingMargin) - Ahead;
    }

    private static TimeSpan Follow(TimeSpan known, TimeSpan next) =>
        known == TimeSpan.Zero || next < known ? next : known + ((next - known) * Smoothing);

    private FrameChunk? Next()
    {
        if (request.HoldsLittle && !_isOver && clock.Now < _notBefore && _thinning.IsBehind)
            return null;
        var isLast = _isOver && _frames.Count > 0 && _frames.Count < _chunker.Wanted;
        if (IsFull || !(isLast || _frames.Count >= _chunker.Wanted))
            return null;
        _underWay++;
        _inHouse++;
        _prepared = 0;
        while (_frames.TryTake(out var frame))
            if (_chunker.Add(frame) is { } chunk)
                return chunk;
        return _chunker.Finish();
    }

    private bool IsFull => _underWay >= _wanted + (request.HoldsLittle ? 0 : 1) || (_keepsAll && _inHouse >= most());

    private void Drop(VideoFrame oldest)
    {
        _prepared = 0;
        oldest.Dispose();
        Interlocked.Increment(ref _dropped);
        _thinning.Overflowed(clock.Now);
    }

    private void Clear()
    {
        _prepared = 0;
        while (_frames.TryTake(out var frame))
        {
            frame.Dispose();
            Interlocked.Increment(ref _passed);
        }
        Monitor.PulseAll(_gate);
    }
}

/// <summary>A picture whose group is not complete yet. Whoever holds it disposes its copy.</summary>
/// <param name="Copy">The picture; the frame itself stays where it is.</param>
/// <param name="Form">As what it is computed.</param>
/// <param name="Deadline">Of the group.</param>
/// <param name="IsFirst">True for the group's first one.</param>
internal readonly record struct PreparedPicture(VideoFrame Copy, StreamForm Form, TimeSpan Deadline, bool IsFirst);
