using System.Globalization;
using StreamDiff.Pipeline.Plan;
using StreamDiff.Pipeline.Telemetry;
using StreamDiff.Transport.Media;
using StreamDiff.Transport.Media.Browser;
using StreamDiff.Transport.Media.FFmpeg;
using StreamDiff.Transport.Media.Live;
using StreamDiff.Transport.Media.Opening;

namespace StreamDiff.Pipeline.Live;

/// <summary>
/// Reads the source on a thread of its own and opens it again whenever it ends, stalls or fails. A source of which nothing was ever seen
/// is waited for as long as <see cref="SourcePatience"/> says. A source that is no live one is read at the speed of its own time, and its
/// end is the end.
/// </summary>
internal sealed class SourceLoop : IDisposable
{
    private static readonly TimeSpan LongestWait = TimeSpan.FromSeconds(5);
    // A source in pieces whose next one comes so late is not caught up with: what follows is shown at its own speed.
    private static readonly TimeSpan LatestPiece = TimeSpan.FromMilliseconds(250);
    private static readonly TimeSpan ListenAgain = TimeSpan.FromMilliseconds(100);
    // Timers may be a little early.
    private static readonly TimeSpan Grain = TimeSpan.FromMilliseconds(20);

    private readonly SourceOpener _opener;
    private readonly MediaAddress _address;
    private readonly LiveClock _clock;
    private readonly ISourceReceiver _receiver;
    private readonly Action<LiveEvent> _log;
    private readonly CancellationTokenSource _stop = new();
    private readonly SourcePatience _patience;
    private readonly TimeSpan? _mostAway;
    private readonly TimeSpan _mostJitter;
    private readonly BackOff _backOff = new(LongestWait);
    private readonly Thread _thread;
    private string _said = "";
    private TimeSpan? _firstAttempt;
    private TimeSpan? _lastSeen;
    private bool _wasThere;
    private long _opened;
    private volatile JitterBuffer? _buffer;
    private volatile string _state = "waiting";

    /// <param name="options">The source; its pool must outlive everything that it gave.</param>
    /// <param name="clock">The run's.</param>
    /// <param name="receiver">Given frames and sound, from the source's thread.</param>
    /// <param name="log">Told of every change of state.</param>
    /// <param name="waitForSource">See <see cref="InputOptions.WaitForSource"/>.</param>
    /// <param name="sourceGone">See <see cref="InputOptions.SourceGone"/>.</param>
    /// <param name="browser">Where a browser sends, for <c>browser:</c>.</param>
    /// <param name="mostJitter">See <see cref="LiveOptions.MostJitter"/>; zero holds nothing.</param>
    /// <exception cref="MediaException">A port cannot be opened, or the address is wrong.</exception>
    public SourceLoop(
        VideoSourceOptions options, LiveClock clock, ISourceReceiver receiver, Action<LiveEvent> log, TimeSpan? waitForSource = null,
        TimeSpan? sourceGone = null, BrowserInput? browser = null, TimeSpan mostJitter = default)
    {
        _address = MediaAddress.Parse(options.Input);
        (_clock, _receiver, _log) = (clock, receiver, log);
        _patience = new SourcePatience(_address, waitForSource);
        (_mostAway, _mostJitter) = (sourceGone, mostJitter);
        _opener = new SourceOpener(options, browser, Refused);
        _thread = new Thread(Run) { Name = "streamdiff source", IsBackground = true };
    }

    /// <summary>waiting, open, lost or ended.</summary>
    public string State => _state;

    /// <summary>Times that the source came back.</summary>
    public long Reopened => Math.Max(0, Interlocked.Read(ref _opened) - 1);

    /// <summary>How an SRT connection is doing; null where there is none.</summary>
    public LinkStatistics? Link => _opener.Link;

    /// <summary>How long frames are held because they come in bursts.</summary>
    public TimeSpan Jitter => _buffer?.Hold ?? TimeSpan.Zero;

    public void Start() => _thread.Start();

    public void Dispose()
    {
        _stop.Cancel();
        if (_thread.ThreadState != ThreadState.Unstarted)
            _thread.Join();
        _opener.Dispose();
        _stop.Dispose();
    }

    private void Run()
    {
        try
        {
            while (!_stop.IsCancellationRequested && ReadOnce())
            {
            }
        }
        catch (OperationCanceledException)
        {
            // Somebody stops the run.
        }
        catch (Exception error)
        {
            _receiver.Failed(error);
        }
    }

    // False when the run is at its end.
    private bool ReadOnce()
    {
        var openedAt = _clock.Now;
        _firstAttempt ??= openedAt;
        _lastSeen ??= openedAt;
        var why = "it has ended";
        MediaException? error = null;
        try
        {
            if (_said.Length == 0)
                Say(false, "waiting", "waiting for it");
            using var source = Guarded(Open);
            openedAt = _clock.Now;
            Opened(source);
            Read(source);
            var warnings = source.Statistics.Warnings;
            why = warnings is [.., var last] ? last : why;
            // What is no live source is not opened again, which would say why.
            foreach (var text in _address.IsLive ? [] : warnings)
                _log(new LiveEvent(_clock.Now, true, $"source {_address.Shown}", "note", text));
        }
        catch (MediaException e)
        {
            (error, why) = (e, e.Message);
        }
        catch (OperationCanceledException) when (IsGone)
        {
            return GiveUp();
        }
        if (IsGone)
            return GiveUp();
        if (!_wasThere)
            return WaitForIt(error ?? NoFrame());
        if (!_address.IsLive)
            return End(error);
        var worked = _state == "open" ? _clock.Now - openedAt : TimeSpan.Zero;
        Say(true, "lost", why);
        // Who waits for senders need not spare anybody.
        Pause(_address.IsListener ? ListenAgain : _backOff.After(worked));
        return true;
    }

    private bool IsGone => !_stop.IsCancellationRequested && _mostAway is { } most && _clock.Now - _lastSeen >= most;

    // What somebody sends must not end a run that outlasts its senders, whatever it meets in the program.
    private T Guarded<T>(Func<T> step)
    {
        try
        {
            return step();
        }
        catch (Exception e) when (_address.IsLive && e is not (MediaException or OperationCanceledException or OutOfMemoryException))
        {
            throw new MediaException($"Input '{_address.Shown}' cannot be read: {e.GetType().Name}: {e.Message}", e)
            {
                Absence = SourceAbsence.Away,
            };
        }
    }

    // Whoever waits for a sender would wait for ever.
    private IFrameSource Open()
    {
        if (_mostAway is not { } most)
            return _opener.Open(_stop.Token, Waiting);
        var left = most - (_clock.Now - _lastSeen!.Value);
        using var patience = CancellationTokenSource.CreateLinkedTokenSource(_stop.Token);
        patience.CancelAfter(left > TimeSpan.Zero ? left + Grain : Grain);
        return _opener.Open(patience.Token, Waiting);
    }

    private void Refused(string text) => _log(new LiveEvent(_clock.Now, true, $"source {_address.Shown}", "refused", text));

    private void Waiting(string text) => Say(true, "waiting", text);

    private bool GiveUp()
    {
        var text = FormattableString.Invariant($"nothing came from it for {_mostAway!.Value.TotalSeconds:0.#} s: the run ends");
        Say(true, "ended", text);
        return End(_wasThere ? null : new MediaException($"Input '{_address.Shown}': {text}.") { Absence = SourceAbsence.Away });
    }

    // Nothing of it was seen yet.
    private bool WaitForIt(MediaException error)
    {
        var waited = _clock.Now - _firstAttempt!.Value;
        var left = _patience.Left(error, waited);
        if (left == TimeSpan.Zero)
            return End(SourcePatience.GivenUp(error, waited));
        Say(true, "waiting", error.Message);
        var pause = _address.IsListener ? ListenAgain : _backOff.After(TimeSpan.Zero);
        Pause(pause < left ? pause : left);
        return true;
    }

    private bool End(MediaException? error)
    {
        _state = "ended";
        _receiver.Ended(error);
        return false;
    }

    private MediaException NoFrame() => new($"Input '{_address.Shown}' has sent no picture.") { Absence = SourceAbsence.Away };

    // No longer than until it is given up.
    private void Pause(TimeSpan time)
    {
        var left = _mostAway is { } most ? most - (_clock.Now - _lastSeen!.Value) : time;
        _stop.Token.WaitHandle.WaitOne(left < TimeSpan.Zero ? TimeSpan.Zero : left < time ? left : time);
    }

    private void Opened(IFrameSource source)
    {
        Interlocked.Increment(ref _opened);
        _receiver.Opened();
        var video = source.Video;
        var sound = source.Audio is { } audio ? $"{audio.Codec} {audio.SampleRate} Hz" : "no sound";
        Say(false, "open", string.Create(
            CultureInfo.InvariantCulture,
            $"{video.CodedSize.Width}x{video.CodedSize.Height} {video.Codec} {video.FrameRate.ToDouble():0.##} fps, {sound}"));
    }

    private void Read(IFrameSource source)
    {
        using var sound = new SoundTracks(source.Audio);
        using var buffer = new JitterBuffer(_clock, HasOwnPace ? TimeSpan.Zero : _mostJitter, _receiver.Frame);
        _buffer = buffer;
        try
        {
            var clock = new SourceClock(() => buffer.Hold);
            var start = _clock.Now;
            while (Guarded(() => source.Read(_stop.Token)) is { } unit)
            {
                if (unit is VideoFrame frame)
                {
                    var time = source.Video.TimeBase.ToTime(frame.Pts);
                    if (HasOwnPace)
                        start = WaitFor(time, start, clock.IsNew);
                    (_wasThere, _lastSeen) = (true, _clock.Now);
                    var taken = clock.Frame(time, _clock.Now);
                    buffer.Add(frame, taken, clock.Lateness);
                    continue;
                }
                using (unit)
                    ReadSound(sound, (AudioPacket)unit, clock);
            }
            buffer.Drain(_stop.Token);
        }
        finally
        {
            _buffer = null;
        }
    }

    // Frames that are there before they are due: a file, or a playlist's pieces.
    private bool HasOwnPace => !_address.IsLive || _address.ComesInPieces;

    // Returns the time at which the source began, as it were.
    private TimeSpan WaitFor(TimeSpan time, TimeSpan start, bool isFirst)
    {
        if (_address.ComesInPieces && (isFirst || _clock.Now - (start + time) > LatestPiece))
            start = _clock.Now - time;
        WaitUntil(start + time);
        return start;
    }

    private void ReadSound(SoundTracks sound, AudioPacket packet, SourceClock clock)
    {
        if (sound.Change(packet) is { } change)
            _log(new LiveEvent(_clock.Now, change.IsTrouble, $"source {_address.Shown}", "sound", change.Text));
        foreach (var block in sound.Read(packet))
            if (clock.Sound(TimeSpan.FromSeconds((double)block.Position / SoundBlock.Rate)) is { } taken)
                _receiver.Sound(block, taken);
    }

    private void WaitUntil(TimeSpan time)
    {
        var wait = time - _clock.Now;
        if (wait > TimeSpan.Zero)
            _ = _stop.Token.WaitHandle.WaitOne(wait);
        _stop.Token.ThrowIfCancellationRequested();
    }

    // Attempts that fail for the same reason are told of once.
    private void Say(bool isTrouble, string state, string text)
    {
        _state = state;
        if (_said == state + text)
            return;
        _said = state + text;
        _log(new LiveEvent(_clock.Now, isTrouble, $"source {_address.Shown}", state, text));
    }
}

/// <summary>Takes what a source gives, on the source's thread.</summary>
internal interface ISourceReceiver
{
    /// <summary>The source has been opened: what follows is a new beginning.</summary>
    void Opened();

    /// <summary>A frame, taken over, and when it was taken.</summary>
    void Frame(VideoFrame frame, TimeSpan taken);

    /// <summary>Sound, and when it was taken.</summary>
    void Sound(SoundBlock block, TimeSpan taken);

    /// <summary>
    /// A source that is no live one is at its end, by an error where there is one, or the source never was there and is not waited for any
    /// longer.
    /// </summary>
    void Ended(MediaException? error);

    /// <summary>A fault of the program itself.</summary>
    void Failed(Exception error);
}
