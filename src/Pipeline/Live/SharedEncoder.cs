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
    private const int PictureSeconds = 1;
    private const int SoundSeconds = 2;
    private static readonly TimeSpan LongestLeaving = TimeSpan.FromSeconds(2);
    private static readonly TimeSpan LeavingAgain = TimeSpan.FromMilliseconds(100);
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
    private readonly List<(EncoderFeed Feed, long Until, TimeSpan By)> _leaving = [];
    private readonly bool _makesKeys;
    private ImmutableArray<EncoderFeed> _feeds = [];
    private LiveEncoder? _encoder;
    private TimeSpan _openedAt;
    private TimeSpan _againAt;
    private volatile bool _isPaused;
    private bool _isOver;
    private long? _until;
    private long _given;
    private string? _said;
    private volatile string? _failure;
    private long _made;

    public SharedEncoder(int number, PictureStream stream, LiveClock clock, Action<LiveEvent> log)
        : this(number, $"{stream}", false, give => new LiveEncoder(stream, give),
            (int)Math.Ceiling(PictureSeconds * stream.Video.FrameRate.ToDouble()), clock, log) =>
        (IsEncoded, _makesKeys) = (stream.IsEncoded, stream.MakesKeys);

    public SharedEncoder(int number, SoundStream stream, LiveClock clock, Action<LiveEvent> log)
        : this(number, $"{stream}", true, give => new LiveEncoder(stream, give), SoundSeconds * SoundBlock.Rate, clock, log)
    {
    }

    private SharedEncoder(
        int number, string what, bool isSound, Func<Action<EncodedUnit>, LiveEncoder> make, int most, LiveClock clock,
        Action<LiveEvent> log)
    {
        (Number, _what, _isSound, _make, _clock, _log) = (number, what, isSound, make, clock, log);
        _queue = new EncoderQueue(most, Miss);
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

    /// <summary>Why it failed, until something comes from it again; null while it works.</summary>
    public string? Failure => _failure;

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
                feed.Begin(encoder, follows: false);
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
    public void End()
    {
        foreach (var feed in Feeds)
            feed.Drain();
        _queue.End();
    }

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
        while (_queue.Take(out var work, _leaving.Count > 0 ? LeavingAgain : null))
        {
            using var frame = work.Frame;
            try
            {
                if (work.Leaving is { } feed)
                    Let(feed);
                else if (work != default && IsWanted)
                    lock (_coding)
                        Encode(work);
                LetAll(l => _clock.Now >= l.By);
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
                Close(isWhole: IsWanted);
        }
        catch (OperationCanceledException)
        {
            // All outputs have given up waiting for what a slow encoder still holds.
        }
        catch (Exception error)
        {
            // Nobody is left who would wait for its end.
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
        if (work.Sound is { } sound)
        {
            Open().Write(sound);
            _until = sound.Position + sound.Count;
        }
        else
        {
            var isKey = TakesKey(work.Number);
            // Its first picture is the only one of which it is known.
            if (isKey && !_makesKeys && _until is not null)
            {
                Close(isWhole: true);
                _ = Open(follows: true);
            }
            Open().Write(work.Frame!.Frame, work.Number, isKey);
            _until = work.Number + 1;
        }
        Interlocked.Increment(ref _made);
    }

    private bool TakesKey(long number)
    {
        var isKey = false;
        lock (_gate)
            while (_keysAt.Count > 0 && _keysAt.Min <= number)
                isKey |= _keysAt.Remove(_keysAt.Min);
        var wanted = Feeds.Where(f => f.Relay.Readers > 0).ToArray();
        foreach (var feed in wanted)
            isKey |= feed.Relay.TakesKey(isSparing: !feed.IsOwn && wanted.Length > 1);
        return isKey;
    }

    private LiveEncoder Open(bool follows = false)
    {
        if (_encoder is not null)
            return _encoder;
        if (_isOver)
            throw new OperationCanceledException();
        _encoder = _make(Give);
        _openedAt = _clock.Now;
        if (!_isSound)
            foreach (var feed in Feeds)
                feed.Begin(_encoder, follows);
        return _encoder;
    }

    private void Give(EncodedUnit unit)
    {
        _failure = null;
        using (unit)
        {
            if (_isOver && !IsWanted)
                throw new OperationCanceledException();
            foreach (var feed in Feeds)
                if (_leaving.Count == 0 || !_leaving.Exists(l => l.Feed == feed && l.Until <= unit.Place))
                    feed.Relay.Send(unit);
            _given = unit.End;
            LetAll(l => l.Until <= _given);
        }
    }

    private void Miss()
    {
        foreach (var feed in Feeds)
            feed.Relay.Miss();
    }

    // What the encoder holds back is what was sent before: whoever leaves still gets it, the last one at once.
    private void Let(EncoderFeed feed)
    {
        lock (_coding)
        {
            _leaving.Add((feed, _until ?? long.MinValue, _clock.Now + LongestLeaving));
            if (_leaving.Count == Feeds.Length)
                Close(isWhole: true);
            else if (_until is not { } until || _given >= until || feed.Relay.Readers == 0)
                LetAll(l => l.Feed == feed);
        }
    }

    private void LetAll(Func<(EncoderFeed Feed, long Until, TimeSpan By), bool> isThrough)
    {
        foreach (var left in _leaving.Where(isThrough).ToArray())
        {
            _leaving.Remove(left);
            lock (_gate)
                _feeds = _feeds.Remove(left.Feed);
            left.Feed.Ended(this);
        }
    }

    private void Close(bool isWhole)
    {
        var encoder = _encoder;
        (_encoder, _until, _given) = (null, null, long.MinValue);
        try
        {
            using (encoder)
                if (isWhole)
                    encoder?.Finish();
        }
        finally
        {
            LetAll(_ => true);
        }
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
        _failure = why;
        // Attempts that fail for the same reason are told of once.
        if (_said != why || worked > LongestWait)
            Tell(true, "lost", why);
        _said = why;
    }

    private void Tell(bool isTrouble, string state, string text) =>
        _log(new LiveEvent(_clock.Now, isTrouble, $"encoder {Number}", state, text));
}
