using System.Diagnostics;
using StreamDiff.Pipeline.Telemetry;
using StreamDiff.Transport.Media;
using StreamDiff.Transport.Media.Encoded;
using StreamDiff.Transport.Media.Live;
using StreamDiff.Transport.Media.Opening;

namespace StreamDiff.Pipeline.Live;

/// <summary>
/// One output of a live run, on a thread of its own: opened, written with what the run's encoders make, and opened again when it fails.
/// Whatever happens to it, the others and the model do not notice.
/// </summary>
internal sealed class OutputPort : IDisposable
{
    private static readonly TimeSpan LongestWait = TimeSpan.FromSeconds(5);
    private static readonly TimeSpan ClosingTime = TimeSpan.FromSeconds(3);
    private static readonly TimeSpan LeaseAgain = TimeSpan.FromMilliseconds(20);
    private static readonly TimeSpan LeaseGone = TimeSpan.FromSeconds(2);
    // Pictures come later than their sound by what their encoder holds back.
    private static readonly TimeSpan LongestEarly = TimeSpan.FromSeconds(5);

    private readonly LiveSinkOptions _options;
    private readonly MediaAddress _address;
    private readonly TimeSpan? _segment;
    private readonly LiveClock _clock;
    private readonly Action<LiveEvent> _log;
    private readonly Encoders _encoders;
    private readonly OutputLease? _lease;
    private readonly CancellationTokenSource _stop = new();
    private readonly BackOff _backOff = new(LongestWait);
    private readonly Lock _gate = new();
    private readonly Thread _thread;
    private volatile bool _isOpen;
    private volatile bool _isEnding;
    private long _sent;
    private long _dropped;
    private long _losses;
    private long _reopened;
    private string _said = "";
    private volatile string? _failure;
    private volatile ILiveSink? _sink;
    private volatile EncoderFeed? _feed;
    private volatile PacketReader? _reader;
    private bool _hasLeft;
    private EncodedUnit? _first;
    private readonly Queue<EncodedUnit> _early = [];
    private readonly List<string> _recordings = [];
    private string? _path;
    private DateTimeOffset? _firstOpened;
    private TimeSpan? _cutEvery;
    private long? _cutAt;
    private Task _finishing = Task.CompletedTask;

    /// <param name="options">The output.</param>
    /// <param name="segment">Length of a recording's files; null for one file.</param>
    /// <param name="encoders">The run's.</param>
    /// <param name="clock">For the log.</param>
    /// <param name="log">Told of every change of state, from the output's thread.</param>
    /// <param name="lease">Without it nothing is opened and nothing written; null where nobody else writes there.</param>
    public OutputPort(
        LiveSinkOptions options, TimeSpan? segment, Encoders encoders, LiveClock clock, Action<LiveEvent> log, OutputLease? lease = null)
    {
        (_options, _segment, _encoders, _clock, _log, _lease) = (options, segment, encoders, clock, log, lease);
        _address = options.Address;
        _thread = new Thread(Run) { Name = "streamdiff output", IsBackground = true };
        _thread.Start();
    }

    public OutputStatus Status => new(
        _address.Shown, _isOpen && _feed?.Failure is null, Interlocked.Read(ref _sent),
        Interlocked.Read(ref _dropped) + (_reader?.Skipped ?? 0),
        Interlocked.Read(ref _reopened), Obstacle, _sink?.Link, _feed?.Pictures is { IsEncoded: true } shared ? shared.Number : null);

    /// <summary>True where it is for players of a playlist.</summary>
    public bool IsPlayed => _address.Kind == MediaKind.Players;

    /// <summary>Files that were written so far, the one that is being written last.</summary>
    public IReadOnlyList<string> Recordings
    {
        get
        {
            lock (_recordings)
                return [.. _recordings];
        }
    }

    /// <summary>
    /// Begins to close the output: what the run's encoders still have for it is written, a file is finished. They are ended next.
    /// </summary>
    public void End()
    {
        _isEnding = true;
        if (_isOpen)
            _stop.CancelAfter(ClosingTime);
        else
            _stop.Cancel();
    }

    /// <summary>The same while the encoders go on: what was sent so far is written.</summary>
    public void Leave()
    {
        End();
        EncoderFeed? feed;
        lock (_gate)
            (feed, _hasLeft) = (_feed, true);
        feed?.Leave();
    }

    /// <summary>
    /// Waits until the output is closed, after <see cref="End"/>: nothing is written any more, and <see cref="Status"/> stays as it is.
    /// </summary>
    public void WaitUntilClosed() => _thread.Join();

    /// <summary>Closes the output and waits for it; after <see cref="End"/> its encoders must be ended.</summary>
    public void Dispose()
    {
        if (!_isEnding)
            Leave();
        WaitUntilClosed();
        if (_feed is { } feed)
            _encoders.Remove(feed);
        _stop.Dispose();
    }

    /// <summary>Deletes what was recorded, which was nothing but the fallback; after <see cref="Dispose"/>.</summary>
    public void DeleteRecordings()
    {
        foreach (var recording in Recordings.Where(File.Exists))
        {
            File.Delete(recording);
            Say(false, "removed", $"{recording} is removed: there was nothing but the fallback in it");
        }
        if (_address.Kind == MediaKind.Hls && _firstOpened is { } since && PlaylistPieces.DeleteSince(_address.Target, since))
            Say(false, "removed", $"{_address.Target} is removed with its pieces: there was nothing but the fallback in it");
    }

    private string? Obstacle => Interlocked.Read(ref _sent) > 0 ? null
        : _failure ?? _feed?.Failure ?? (_address.IsListener ? null : _isOpen ? "there was no frame for it" : "it was not opened in time");

    private void Run()
    {
        for (var goesOn = !_isEnding; goesOn;)
        {
            var openedAt = _clock.Now;
            goesOn = false;
            try
            {
                Say(false, "opening", "being opened");
                using var sink = Open();
                openedAt = _clock.Now;
                if (Write(sink))
                {
                    // The next file; its first picture is here already.
                    goesOn = true;
                    continue;
                }
                // Last words are words too; a file is nobody else's.
                if (MayWrite || _address.Kind == MediaKind.File)
                    sink.Complete();
                else
                    sink.Abandon();
                FinishLater(sink.Rest);
                _finishing.Wait();
                Say(false, "closed", _path is null ? "closed" : $"closed, {_path} is complete");
            }
            catch (OperationCanceledException)
            {
                // Stopped while it was being opened, or too slow to be closed well.
                if (_isOpen)
                    Say(true, "lost", $"not closed within {ClosingTime.TotalSeconds:0} seconds: its last moments may be missing");
            }
            catch (Exception error)
            {
                // Also a fault of the program in one output is no reason to end the others.
                Fail(error is MediaException ? error.Message : $"{error.GetType().Name}: {error.Message}",
                    _isOpen ? _clock.Now - openedAt : TimeSpan.Zero);
                goesOn = !_isEnding;
            }
            finally
            {
                _isOpen = false;
                _sink = null;
                if (!goesOn)
                    LetGo();
            }
        }
        _finishing.Wait();
        _options.Playlist?.End();
    }

    private bool MayWrite => _lease is null or { Holds: true };

    private ILiveSink Open()
    {
        while (!MayWrite)
            if (_stop.Token.WaitHandle.WaitOne(LeaseAgain))
                throw new OperationCanceledException(_stop.Token);
        var feed = Feed();
        var (pictures, sound) = feed.Describe();
        using (pictures)
        using (sound)
        {
            _firstOpened ??= DateTimeOffset.UtcNow;
            _path = _address.Kind == MediaKind.File ? RecordingNames.Next(_options.Output, _segment is not null) : null;
            // Its file is there before it is open, and no other one had that name.
            if (_path is not null)
                lock (_recordings)
                    _recordings.Add(_path);
            try
            {
                var sink = LiveSinks.Open(_path is null ? _options : _options with { Output = _path }, pictures, sound, _stop.Token);
                // What was made before is too old for it, but for the next file of a recording.
                _reader ??= feed.Relay.Join(ReaderLimits.Output, isUrgent: true);
                _cutAt = null;
                if (_losses > 0)
                    Interlocked.Increment(ref _reopened);
                _losses = 0;
                _sink = sink;
                _isOpen = true;
                Say(false, "open", _path is null ? "open" : $"open, recording to {_path}");
                return sink;
            }
            catch when (_path is not null && new FileInfo(_path) is { Exists: true, Length: 0 } empty)
            {
                // The name was taken, and a full disk still takes names.
                empty.Delete();
                throw;
            }
        }
    }

    // Not before the first attempt: what cannot be is told as any other obstacle.
    private EncoderFeed Feed()
    {
        if (_feed is { } known)
            return known;
        var streams = LiveSinks.StreamsOf(_options);
        _cutEvery = _address.Kind == MediaKind.File ? _segment : streams.KeyFrameEvery;
        var feed = _encoders.Add(_address.Shown, streams);
        bool hasLeft;
        lock (_gate)
            (_feed, hasLeft) = (feed, _hasLeft);
        if (hasLeft)
            feed.Leave();
        return feed;
    }

    // Beside the next file of a recording, whose frames do not wait; one after the other, because they share a disk.
    private void FinishLater(RecordingFinish? finish)
    {
        if (finish is not null)
            _finishing = _finishing.ContinueWith(
                _ => Finish(finish), CancellationToken.None, TaskContinuationOptions.None, TaskScheduler.Default);
    }

    private void Finish(RecordingFinish finish)
    {
        if (finish.Run() is { } note)
            _log(new LiveEvent(_clock.Now, true, $"output {_address.Shown}", "note", note));
    }

    // False at the end, true when it is time for the next file.
    private bool Write(ILiveSink sink)
    {
        long? deniedAt = null;
        var hasBegun = _first is not null;
        var isOfOther = false;
        foreach (var unit in Waiting())
        {
            if (unit is null)
            {
                isOfOther = hasBegun;
                continue;
            }
            using (unit)
            {
                // The container's header is the old encoder's.
                if (isOfOther && unit.Kind != PacketKind.Sound && !IsOfNextFile(unit))
                    throw new MediaException("its encoder began anew");
                if (!MayWrite)
                {
                    // Pictures that follow refer to this one.
                    _reader!.SkipToKey();
                    // A server lets nobody else in while this connection is there; a file is nobody else's.
                    if (Stopwatch.GetElapsedTime(deniedAt ??= Stopwatch.GetTimestamp()) > LeaseGone && _address.Kind != MediaKind.File)
                    {
                        sink.Abandon();
                        throw new MediaException("the right to write it is another's");
                    }
                    continue;
                }
                deniedAt = null;
                hasBegun = true;
                if (IsOfNextFile(unit))
                {
                    if (unit.Kind == PacketKind.Sound)
                    {
                        _early.Enqueue(unit.Share());
                        while (TimeSpan.FromMicroseconds(unit.Time - _early.Peek().Time) > LongestEarly)
                            _early.Dequeue().Dispose();
                        continue;
                    }
                    _first = unit.Share();
                    sink.Complete();
                    FinishLater(sink.Rest);
                    return true;
                }
                sink.Write(unit);
                if (unit.Kind != PacketKind.Sound)
                {
                    Interlocked.Increment(ref _sent);
                    PlanCut(unit);
                }
            }
        }
        return false;
    }

    // What the file before left for this one, and then what comes; null where another encoder's packets follow.
    private IEnumerable<EncodedUnit?> Waiting()
    {
        if (_first is { } first)
        {
            _first = null;
            yield return first;
        }
        // Each once: what belongs to a file yet later waits there again.
        for (var left = _early.Count; left > 0 && _early.TryDequeue(out var sound); left--)
            yield return sound;
        while (_reader!.Read(_stop.Token) is { } item)
            yield return item.Unit;
    }

    // Files begin with the picture whose time it is, which was made a key frame for it; sound may come a little before it.
    private bool IsOfNextFile(EncodedUnit unit) => _path is not null && _cutAt is { } cut && unit.Kind != PacketKind.Delta
        && unit.Place >= _options.FrameRate.Inverse.Rescale(cut, unit.TimeBase);

    private void PlanCut(EncodedUnit unit)
    {
        // A file ends at its cut, be its key frame late.
        if (_cutEvery is not { } length || (_cutAt is { } planned && (_path is not null || unit.Place < planned)))
            return;
        var pictures = (long)Math.Ceiling(length.TotalSeconds * _options.FrameRate.ToDouble());
        _cutAt ??= unit.Place;
        do
            _cutAt += pictures;
        while (_cutAt <= unit.Place);
        _feed!.Pictures.KeyAt(_cutAt.Value);
    }

    private void LetGo()
    {
        _first?.Dispose();
        _first = null;
        while (_early.TryDequeue(out var sound))
            sound.Dispose();
        if (_reader is not { } reader)
            return;
        Interlocked.Add(ref _dropped, reader.Skipped);
        _reader = null;
        reader.Dispose();
    }

    private void Fail(string why, TimeSpan worked)
    {
        var wasOpen = _isOpen;
        _isOpen = false;
        LetGo();
        // A listener that nobody has come to, or a server that was not there, is no news at the end; a recording that could not be closed
        // is.
        if (wasOpen || !_isEnding)
            Say(true, "lost", why);
        _failure = why;
        _losses += wasOpen ? 1 : 0;
        if (!_isEnding)
            _ = _stop.Token.WaitHandle.WaitOne(_backOff.After(worked));
    }

    // Attempts that fail for the same reason are told of once.
    private void Say(bool isTrouble, string state, string text)
    {
        if (state == "opening" && _said.Length > 0)
            return;
        if (_said == state + text)
            return;
        _said = state + text;
        _log(new LiveEvent(_clock.Now, isTrouble, $"output {_address.Shown}", state, text));
    }
}
