using System.Collections.Immutable;
using StreamDiff.Pipeline.Telemetry;
using StreamDiff.Transport.Media;
using StreamDiff.Transport.Media.Encoded;
using StreamDiff.Transport.Media.FFmpeg;
using StreamDiff.Transport.Media.Live;

namespace StreamDiff.Pipeline.Live;

/// <summary>
/// One encoder, of pictures or of sound, on a thread of its own, and all that want what it makes. While nobody does it encodes nothing.
/// When it fails it is opened again, and all begin anew.
/// </summary>
internal sealed class SharedEncoder : IDisposable
{
    private const double QueueSeconds = 1;
    private static readonly TimeSpan LongestWait = TimeSpan.FromSeconds(5);

    private readonly string _what;
    private readonly Func<Action<EncodedUnit>, LiveEncoder> _make;
    private readonly bool _isSound;
    private readonly LiveClock _clock;
    private readonly Action<LiveEvent> _log;
    private readonly EncoderQueue _queue;
    private readonly BackOff _backOff = new(LongestWait);
    private readonly Thread _thread;
    private readonly Lock _coding = new();
    private readonly Lock _gate = new();
    private readonly SortedSet<long> _keysAt = [];
    private ImmutableArray<EncoderFeed> _feeds = [];
    private LiveEncoder? _encoder;
    private TimeSpan _openedAt;
    private TimeSpan _againAt;
    private volatile bool _isPaused;
    private bool _isOver;
    private string? _said;
    private long _made;

    public SharedEncoder(int number, PictureStream stream, LiveClock clock, Action<LiveEvent> log)
        : this(number, $"{stream}", false, give => new LiveEncoder(stream, give), stream.Video.FrameRate, clock, log) =>
        IsEncoded = stream.IsEncoded;

    public SharedEncoder(int number, SoundStream stream, Rational rate, LiveClock clock, Action<LiveEvent> log)
        : this(number, $"{stream}", true, give => new LiveEncoder(stream, give), rate, clock, log)
    {
    }

    private SharedEncoder(
        int number, string what, bool isSound, Func<Action<EncodedUnit>, LiveEncoder> make, Rational rate, LiveClock clock,
        Action<LiveEvent> log)
    {
        (Number, _what, _isSound, _make, _clock, _log) = (number, what, isSound, make, clock, log);
        _queue = new EncoderQueue((int)Math.Ceiling(QueueSeconds * rate.ToDouble()), Miss);
        _thread = new Thread(Run) { Name = $"streamdiff encoder {number}", IsBackground = true };
        _thread.Start();
    }

    /// <summary>By which status and log name it.</summary>
    public int Number { get; }

    /// <summary>Outputs that hold it; kept by <see cref="Encoders"/>.</summary>
    public int Holders { get; set; }

    /// <summary>False where pictures are handed on as nothing.</summary>
    public bool IsEncoded { get; } = true;

    public EncoderStatus Status => new(Number, _what, Interlocked.Read(ref _made), [.. Feeds.Select(f => f.Name)]);

    private ImmutableArray<EncoderFeed> Feeds
    {
        get
        {
            lock (_gate)
                return _feeds;
        }
    }

    private bool IsWanted
    {
        get
        {
            foreach (var feed in Feeds)
                if (feed.Relay.Readers > 0)
                    return true;
            return false;
        }
    }

    /// <summary>Gives to a feed too; at once ended where the encoder is over.</summary>
    public void Add(EncoderFeed feed)
    {
        bool isOver;
        lock (_coding)
        {
            lock (_gate)
                _feeds = _feeds.Add(feed);
            isOver = _isOver;
            if (_encoder is { } encoder && !_isSound)
                feed.Begin(encoder);
        }
        if (isOver)
            feed.Ended(this);
        else if (IsEncoded)
            Tell(false, "open", $"{_what}: {string.Join(", ", Feeds.Select(f => f.Name))}");
    }

    /// <summary>Gives nothing more to a feed than what was sent so far.</summary>
    public void Part(EncoderFeed feed)
    {
        if (!_queue.Add(feed))
            feed.Ended(this);
    }

    /// <summary>What a container has to know, the caller's to dispose; opens the encoder where it is not.</summary>
    /// <exception cref="MediaException">It does not open.</exception>
    public StreamDescription? Describe()
    {
        lock (_coding)
            return Open().Describe();
    }

    /// <summary>Makes this picture a key frame, or the next one where it is through already.</summary>
    public void KeyAt(long number)
    {
        lock (_gate)
            _keysAt.Add(number);
    }

    /// <summary>Sends a frame; keeps a hold of its own on it.</summary>
    public void Send(SharedFrame frame, long number)
    {
        if (!_isSound && ShallEncode())
            _queue.Add(frame.Share(), number);
    }

    /// <summary>Sends sound.</summary>
    public void Send(SoundBlock sound)
    {
        if (_isSound && ShallEncode())
            _queue.Add(sound);
    }

    /// <summary>Begins to end: what waits is encoded, what the encoder holds is given, and all feeds end.</summary>
    public void End() => _queue.End();

    /// <summary>Ends it and waits until it is over.</summary>
    public void Dispose()
    {
        End();
        _thread.Join();
        _queue.Dispose();
    }

    private bool ShallEncode()
    {
        if (IsWanted)
            return true;
        _isPaused = true;
        return false;
    }

    private void Run()
    {
        while (_queue.Take(out var work))
        {
            using var frame = work.Frame;
            try
            {
                if (work.Leaving is { } feed)
                    Let(feed);
                else if (IsWanted)
                    lock (_coding)
                        Encode(work);
            }
            catch (Exception error)
            {
                // Also a fault of the program is no reason to end the run.
                Fail(error);
            }
        }
        Finish();
        foreach (var feed in Feeds)
            feed.Ended(this);
    }

    private void Finish()
    {
        lock (_coding)
            _isOver = true;
        try
        {
            lock (_coding)
                Close(isWhole: true);
        }
        catch (MediaException error)
        {
            Fail(error);
        }
    }

    private void Encode(EncoderWork work)
    {
        if (_isPaused)
        {
            _isPaused = false;
            // Whatever follows would begin with the silence in between.
            if (_isSound)
                Close(isWhole: false);
        }
        if (_encoder is null && _clock.Now < _againAt)
            return;
        var encoder = Open();
        if (work.Sound is { } sound)
            encoder.Write(sound);
        else
            encoder.Write(work.Frame!.Frame, work.Number, TakesKey(work.Number));
        Interlocked.Increment(ref _made);
    }

    private bool TakesKey(long number)
    {
        var isKey = false;
        lock (_gate)
            while (_keysAt.Count > 0 && _keysAt.Min <= number)
                isKey |= _keysAt.Remove(_keysAt.Min);
        foreach (var feed in Feeds)
            isKey |= feed.Relay.Readers > 0 && feed.Relay.TakesKey();
        return isKey;
    }

    private LiveEncoder Open()
    {
        if (_encoder is not null)
            return _encoder;
        if (_isOver)
            throw new OperationCanceledException();
        _encoder = _make(Give);
        _openedAt = _clock.Now;
        if (!_isSound)
            foreach (var feed in Feeds)
                feed.Begin(_encoder);
        return _encoder;
    }

    private void Give(EncodedUnit unit)
    {
        using (unit)
            foreach (var feed in Feeds)
                feed.Relay.Send(unit);
    }

    private void Miss()
    {
        foreach (var feed in Feeds)
            feed.Relay.Miss();
    }

    // An encoder that holds pictures back gives them to the last one who leaves it.
    private void Let(EncoderFeed feed)
    {
        lock (_coding)
        {
            if (Feeds is [var last] && last == feed)
                Close(isWhole: true);
            lock (_gate)
                _feeds = _feeds.Remove(feed);
        }
        feed.Ended(this);
    }

    private void Close(bool isWhole)
    {
        if (_encoder is not { } encoder)
            return;
        _encoder = null;
        using (encoder)
            if (isWhole)
                encoder.Finish();
    }

    private void Fail(Exception error)
    {
        TimeSpan worked;
        lock (_coding)
        {
            worked = _encoder is null ? TimeSpan.Zero : _clock.Now - _openedAt;
            _againAt = _clock.Now + _backOff.After(worked);
            Close(isWhole: false);
        }
        var why = error is MediaException ? error.Message : $"{error.GetType().Name}: {error.Message}";
        // Attempts that fail for the same reason are told of once.
        if (_said != why || worked > LongestWait)
            Tell(true, "lost", why);
        _said = why;
    }

    private void Tell(bool isTrouble, string state, string text) =>
        _log(new LiveEvent(_clock.Now, isTrouble, $"encoder {Number}", state, text));
}
