using System.Diagnostics;
using StreamDiff.Pipeline.Telemetry;
using StreamDiff.Transport.Media;
using StreamDiff.Transport.Media.Live;
using StreamDiff.Transport.Media.Opening;

namespace StreamDiff.Pipeline.Live;

/// <summary>
/// One output of a live run, on a thread of its own: opened, written, and opened again when it fails. Whatever happens to it, the others
/// and the model do not notice.
/// </summary>
internal sealed class OutputPort : IDisposable
{
    private const double QueueSeconds = 1;
    private static readonly TimeSpan LongestWait = TimeSpan.FromSeconds(5);
    private static readonly TimeSpan ClosingTime = TimeSpan.FromSeconds(3);
    private static readonly TimeSpan LeaseAgain = TimeSpan.FromMilliseconds(20);
    private static readonly TimeSpan LeaseGone = TimeSpan.FromSeconds(2);

    private readonly LiveSinkOptions _options;
    private readonly MediaAddress _address;
    private readonly TimeSpan? _segment;
    private readonly LiveClock _clock;
    private readonly Action<LiveEvent> _log;
    private readonly Func<LiveSinkOptions, CancellationToken, ILiveSink>? _open;
    private readonly OutputLease? _lease;
    private readonly OutputQueue _queue;
    private readonly CancellationTokenSource _stop = new();
    private readonly BackOff _backOff = new(LongestWait);
    private readonly Thread _thread;
    private volatile bool _isOpen;
    private volatile bool _isEnding;
    private long _sent;
    private long _losses;
    private long _reopened;
    private string _said = "";
    private volatile string? _failure;
    private volatile ILiveSink? _sink;
    private readonly List<string> _recordings = [];
    private string? _path;
    private long _segmentStart;
    private Task _finishing = Task.CompletedTask;

    /// <param name="options">The output.</param>
    /// <param name="segment">Length of a recording's files; null for one file.</param>
    /// <param name="clock">For the log.</param>
    /// <param name="log">Told of every change of state, from the output's thread.</param>
    /// <param name="open">Opens it where its address is only a name; null for an address.</param>
    /// <param name="lease">Without it nothing is opened and nothing written; null where nobody else writes there.</param>
    public OutputPort(
        LiveSinkOptions options, TimeSpan? segment, LiveClock clock, Action<LiveEvent> log,
        Func<LiveSinkOptions, CancellationToken, ILiveSink>? open = null, OutputLease? lease = null)
    {
        (_options, _segment, _clock, _log, _open, _lease) = (options, segment, clock, log, open, lease);
        _address = MediaAddress.Parse(options.Output);
        _queue = new OutputQueue((int)Math.Ceiling(QueueSeconds * options.FrameRate.ToDouble()));
        _thread = new Thread(Run) { Name = "streamdiff output", IsBackground = true };
        _thread.Start();
    }

    public OutputStatus Status =>
        new(_address.Shown, _isOpen, Interlocked.Read(ref _sent), _queue.Dropped, Interlocked.Read(ref _reopened), Obstacle,
            _sink?.Link);

    /// <summary>Files that were written so far, the one that is being written last.</summary>
    public IReadOnlyList<string> Recordings
    {
        get
        {
            lock (_recordings)
                return [.. _recordings];
        }
    }

    /// <summary>Sends a frame; keeps a hold of its own on it.</summary>
    public void Send(SharedFrame frame, long number)
    {
        if (_isOpen)
            _queue.Add(frame.Share(), number);
    }

    /// <summary>Sends sound.</summary>
    public void Send(SoundBlock sound)
    {
        if (_isOpen && _options.HasSound)
            _queue.Add(sound);
    }

    /// <summary>Begins to close the output: what waits is written, a file is finished.</summary>
    public void End()
    {
        _isEnding = true;
        _queue.End();
        if (_isOpen)
            _stop.CancelAfter(ClosingTime);
        else
            _stop.Cancel();
    }

    /// <summary>
    /// Waits until the output is closed, after <see cref="End"/>: nothing is written any more, and <see cref="Status"/> stays as it is.
    /// </summary>
    public void WaitUntilClosed() => _thread.Join();

    /// <summary>Closes the output and waits for it.</summary>
    public void Dispose()
    {
        End();
        WaitUntilClosed();
        _queue.Dispose();
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
    }

    private string? Obstacle => Interlocked.Read(ref _sent) > 0 || _open is not null ? null
        : _failure ?? (_address.IsListener ? null : _isOpen ? "there was no frame for it" : "it was not opened in time");

    private void Run()
    {
        while (!_isEnding)
        {
            var openedAt = _clock.Now;
            try
            {
                Say(false, "opening", "being opened");
                using var sink = Open();
                openedAt = _clock.Now;
                Write(sink);
                if (!_isEnding)
                    continue;
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
            }
            finally
            {
                _isOpen = false;
                _sink = null;
            }
        }
        _finishing.Wait();
    }

    private bool MayWrite => _lease is null or { Holds: true };

    private ILiveSink Open()
    {
        while (!MayWrite)
            if (_stop.Token.WaitHandle.WaitOne(LeaseAgain))
                throw new OperationCanceledException(_stop.Token);
        _path = _open is null && _address.Kind == MediaKind.File ? RecordingNames.Next(_options.Output, _segment is not null) : null;
        // Its file is there before it is open, and no other one had that name.
        if (_path is not null)
            lock (_recordings)
                _recordings.Add(_path);
        try
        {
            var sink = _open is not null
                ? _open(_options, _stop.Token)
                : LiveSinks.Open(_path is null ? _options : _options with { Output = _path }, _stop.Token);
            _queue.Clear();
            _segmentStart = -1;
            // The next file of a recording is no new beginning.
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

    // Returns at the end, or when it is time for the next file.
    private void Write(ILiveSink sink)
    {
        long? deniedAt = null;
        while (true)
        {
            var (frame, number, sound) = _queue.Take();
            if (frame is null && sound is null)
                return;
            if (!MayWrite)
            {
                frame?.Dispose();
                // A server lets nobody else in while this connection is there; a file is nobody else's.
                if (Stopwatch.GetElapsedTime(deniedAt ??= Stopwatch.GetTimestamp()) > LeaseGone && _address.Kind != MediaKind.File)
                {
                    sink.Abandon();
                    throw new MediaException("the right to write it is another's");
                }
                continue;
            }
            deniedAt = null;
            if (sound is not null)
            {
                sink.Write(sound);
                continue;
            }
            using (frame)
                sink.Write(frame!.Frame, number);
            Interlocked.Increment(ref _sent);
            if (IsFull(number))
            {
                sink.Complete();
                FinishLater(sink.Rest);
                return;
            }
        }
    }

    private bool IsFull(long number)
    {
        if (_path is null || _segment is not { } length)
            return false;
        if (_segmentStart < 0)
            _segmentStart = number;
        return _options.FrameRate.Inverse.ToTime(number + 1 - _segmentStart) >= length;
    }

    private void Fail(string why, TimeSpan worked)
    {
        var wasOpen = _isOpen;
        _isOpen = false;
        _queue.Clear();
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
