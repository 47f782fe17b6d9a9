using System.Collections.Immutable;
using StreamDiff.Pipeline.Telemetry;
using StreamDiff.Transport.Media;
using StreamDiff.Transport.Media.Encoded;
using StreamDiff.Transport.Media.Live;
using StreamDiff.Transport.Media.Playlists;

namespace StreamDiff.Pipeline.Live;

/// <summary>
/// Where the frames of one live run go: the outputs of its options, and others that come and go while it runs, such as a recording or
/// somebody who looks on. Those that want the same pictures share one encoder; none of them slows the others. All members may be used from
/// any thread.
/// </summary>
public sealed class LiveOutputs : IDisposable
{
    private readonly Lock _gate = new();
    private readonly TimeSpan? _segment;
    private readonly LiveClock _clock;
    private readonly Action<LiveEvent> _log;
    private readonly OutputLease? _lease;
    private readonly Encoders _encoders;
    private ImmutableArray<OutputPort> _ports = [];
    private ImmutableArray<EncoderFeed> _viewers = [];
    private SharedFrame? _latest;
    private bool _isOver;
    private int _isDisposed;

    /// <param name="format">Size, rate, encoder and sound of all outputs; its address says nothing.</param>
    /// <param name="segment">Length of a recording's files; null for one file.</param>
    /// <param name="clock">The run's.</param>
    /// <param name="log">Told of every change of state.</param>
    /// <param name="lease">Without it nothing is written; null where nobody else writes there.</param>
    internal LiveOutputs(
        LiveSinkOptions format, TimeSpan? segment, LiveClock clock, Action<LiveEvent> log, OutputLease? lease = null)
    {
        (Format, _segment, _clock, _log, _lease) = (format, segment, clock, log, lease);
        _encoders = new Encoders(clock, log);
    }

    /// <summary>Size, rate, encoder and sound of what an output is given; its address says nothing.</summary>
    public LiveSinkOptions Format { get; }

    /// <summary>The frame that was sent last, a hold of the caller's own; null before the first one, and at the end.</summary>
    public SharedFrame? Latest()
    {
        lock (_gate)
            return _latest?.Share();
    }

    /// <summary>Begins to write to an address, as one of the options.</summary>
    /// <param name="output">An address; a file never takes the name of one that exists.</param>
    /// <exception cref="MediaException">The run has ended.</exception>
    public AddedOutput Add(string output) =>
        Add(new OutputPort(Format with { Output = output }, _segment, _encoders, _clock, _log, _lease));

    /// <summary>
    /// Begins to fill a playlist with H.264 and AAC, for players of it; as any other output it is given nothing, and costs nothing, once it
    /// is disposed.
    /// </summary>
    /// <exception cref="MediaException">The run has ended.</exception>
    public AddedOutput Add(LivePlaylist playlist) =>
        Add(new OutputPort(Format with { Playlist = playlist }, null, _encoders, _clock, _log, _lease));

    /// <summary>True while a playlist is filled.</summary>
    public bool HasPlayers => Ports.Any(p => p.IsPlayed);

    /// <summary>
    /// Begins to give H.264 and Opus to whoever looks on, to the end of the run; without viewers nothing is encoded for them.
    /// </summary>
    /// <param name="name">For status and log.</param>
    /// <param name="viewers">The viewers; it is not ended.</param>
    internal void Serve(string name, PacketRelay viewers)
    {
        if (_encoders.Serve(Format with { Output = name }, viewers) is { } feed)
            lock (_gate)
                _viewers = _viewers.Add(feed);
    }

    /// <summary>State of each of them.</summary>
    internal IReadOnlyList<OutputStatus> Status => [.. Ports.Select(p => p.Status), .. ViewersStatus];

    /// <summary>The encoders that they share.</summary>
    internal IReadOnlyList<EncoderStatus> EncoderStatus => _encoders.Status;

    private IEnumerable<OutputStatus> ViewersStatus
    {
        get
        {
            ImmutableArray<EncoderFeed> viewers;
            lock (_gate)
                viewers = _viewers;
            return viewers.Select(f => new OutputStatus(f.Name, true, f.Relay.Sent, 0, 0, Encoder: f.Pictures.Number));
        }
    }

    private ImmutableArray<OutputPort> Ports
    {
        get
        {
            lock (_gate)
                return _ports;
        }
    }

    /// <summary>Sends a frame, and the sound that goes with it, to all.</summary>
    internal void Send(SharedFrame frame, long number, SoundBlock? sound)
    {
        SharedFrame? before;
        lock (_gate)
        {
            before = _latest;
            _latest = _isOver ? null : frame.Share();
        }
        before?.Dispose();
        _encoders.Send(frame, number, sound);
    }

    /// <summary>
    /// Closes all of them at once, each with what still waits for it: what was sent is known when the last frame is in the file.
    /// </summary>
    /// <returns>
    /// State of each at the end, but of players, who come and go and to whom nothing is owed; whether it is open is told as of before.
    /// </returns>
    internal IReadOnlyList<OutputStatus> Finish()
    {
        var ports = Over();
        IReadOnlyList<OutputStatus> Owed() => [.. ports.Where(p => !p.IsPlayed).Select(p => p.Status), .. ViewersStatus];
        var before = Owed();
        foreach (var port in ports)
            port.End();
        _encoders.End();
        foreach (var port in ports)
            port.WaitUntilClosed();
        return [.. before.Zip(Owed(), (status, last) => last with { IsOpen = status.IsOpen })];
    }

    /// <summary>True when nothing more can be written.</summary>
    public bool IsOver
    {
        get
        {
            lock (_gate)
                return _isOver;
        }
    }

    /// <summary>Deletes what was recorded: there was nothing but the fallback in it. After <see cref="Dispose"/>.</summary>
    internal void DeleteRecordings()
    {
        foreach (var port in Ports)
            port.DeleteRecordings();
    }

    /// <summary>Closes what is still open and waits for it. The run and whoever began it do so, one after the other.</summary>
    public void Dispose()
    {
        var ports = Over();
        if (Interlocked.Exchange(ref _isDisposed, 1) != 0)
            return;
        foreach (var port in ports)
            port.End();
        _encoders.End();
        foreach (var port in ports)
            port.Dispose();
        _encoders.Dispose();
    }

    private AddedOutput Add(OutputPort port)
    {
        lock (_gate)
            if (!_isOver)
            {
                _ports = _ports.Add(port);
                return new AddedOutput(port, () => Remove(port));
            }
        port.Dispose();
        throw new MediaException("the session has ended: nothing more can be written");
    }

    private void Remove(OutputPort port)
    {
        lock (_gate)
        {
            // At the end all of them are closed together.
            if (_isOver || !_ports.Contains(port))
                return;
            _ports = _ports.Remove(port);
        }
        port.Dispose();
    }

    private ImmutableArray<OutputPort> Over()
    {
        SharedFrame? latest;
        ImmutableArray<OutputPort> ports;
        lock (_gate)
        {
            _isOver = true;
            (latest, _latest, ports) = (_latest, null, _ports);
        }
        latest?.Dispose();
        return ports;
    }
}

/// <summary>An output that somebody added to a live run; disposing it closes it, and waits for that.</summary>
public sealed class AddedOutput : IDisposable
{
    private readonly OutputPort _port;
    private readonly Action _remove;

    internal AddedOutput(OutputPort port, Action remove) => (_port, _remove) = (port, remove);

    /// <summary>How it is doing.</summary>
    public OutputStatus Status => _port.Status;

    /// <summary>Files that were written so far, the one that is being written last.</summary>
    public IReadOnlyList<string> Files => _port.Recordings;

    public void Dispose() => _remove();
}
