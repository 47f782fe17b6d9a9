using System.Net;
using System.Runtime.InteropServices;

namespace StreamDiff.Transport.Media.Srt;

/// <summary>
/// A UDP port that callers come to, opened once however many inputs and outputs of the process listen there; the stream id says which of
/// them a caller is for.
/// </summary>
internal sealed unsafe class SrtPort
{
    // Of the access control guidelines of SRT.
    private const int NotFound = 1404;
    private const int Conflict = 1409;
    private const int WrongMode = 1405;
    private const int Failed = 1500;
    private static readonly TimeSpan Pause = TimeSpan.FromMilliseconds(50);

    private static readonly Lock Gate = new();
    private static readonly List<SrtPort> Ports = [];

    private readonly IPEndPoint _endPoint;
    private readonly SrtSocket _socket = SrtSocket.Create();
    private readonly List<SrtListener> _listeners = [];
    private readonly Dictionary<int, SrtListener> _expected = [];
    private readonly Thread _thread;
    private readonly TaskCompletionSource _closed = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private bool _isClosing;
    private GCHandle _self;
    private long _refused;

    private SrtPort(IPEndPoint endPoint)
    {
        _self = GCHandle.Alloc(this);
        try
        {
            _socket.Bind(endPoint);
            _endPoint = new IPEndPoint(endPoint.Address, _socket.Port);
            _socket.Listen(&Hook, (void*)GCHandle.ToIntPtr(_self));
        }
        catch
        {
            _socket.Dispose();
            _self.Free();
            throw;
        }

        _thread = new Thread(Accept) { Name = "streamdiff srt port", IsBackground = true };
        _thread.Start();
    }

    /// <summary>Its number, also when any free one was asked for.</summary>
    public int Number => _endPoint.Port;

    /// <summary>Callers rejected so far.</summary>
    public long Refused => Interlocked.Read(ref _refused);

    /// <summary>Adds a listener to a port, which is opened for the first one.</summary>
    /// <exception cref="MediaException">The port cannot be opened, or somebody listens there for the same stream id.</exception>
    public static SrtPort Join(SrtListener listener, IPEndPoint endPoint)
    {
        while (true)
        {
            SrtPort? port;
            lock (Gate)
            {
                port = Ports.Find(p => p._endPoint.Equals(endPoint));
                if (port?._isClosing != true)
                {
                    return Join(port, listener, endPoint);
                }
            }

            // The number is taken until the last one there has closed it.
            port._closed.Task.Wait();
        }
    }

    private static SrtPort Join(SrtPort? port, SrtListener listener, IPEndPoint endPoint)
    {
        if (port?._listeners.Exists(l => l.Address.StreamId == listener.Address.StreamId) == true)
        {
            throw new MediaException(
                $"'{listener.Address.Shown}' is listened to already: another one there has the same stream id (&streamid=...).");
        }

        if (port is null)
        {
            port = new SrtPort(endPoint);
            Ports.Add(port);
        }

        port._listeners.Add(listener);
        return port;
    }

    /// <summary>Takes a listener away; the port is closed with the last one.</summary>
    public void Leave(SrtListener listener)
    {
        lock (Gate)
        {
            if (!_listeners.Remove(listener) || _listeners.Count > 0)
            {
                return;
            }

            _isClosing = true;
        }

        // Not under the lock, which the hook takes while the socket is being closed; nobody calls the hook once that is done and accepting
        // has ended.
        _socket.Dispose();
        _thread.Join();
        _self.Free();
        lock (Gate)
        {
            _ = Ports.Remove(this);
        }

        _closed.SetResult();
    }

    private void Accept()
    {
        using var pause = new ManualResetEventSlim();
        while (true)
        {
            if (_socket.Accept() is not { } caller)
            {
                // Closed; or no handle or memory was left for a caller, who calls again.
                if (!_socket.IsAlive)
                {
                    return;
                }

                _ = pause.Wait(Pause);
                continue;
            }

            SrtListener? listener;
            lock (Gate)
            {
                _ = _expected.Remove(caller.Handle, out listener);
            }

            if (listener is null)
            {
                caller.Dispose();
            }
            else
            {
                listener.Deliver(caller);
            }
        }
    }

    // Nothing may be thrown into libsrt.
    [UnmanagedCallersOnly]
    private static int Hook(void* state, int socket, int version, void* peer, byte* streamId)
    {
        try
        {
            return ((SrtPort)GCHandle.FromIntPtr((nint)state).Target!).Decide(
                socket, SrtStreamId.Parse(Marshal.PtrToStringUTF8((nint)streamId) ?? ""));
        }
        catch (Exception error) when (error is MediaException or InvalidOperationException or ArgumentException)
        {
            return SrtSocket.Reject(socket, Failed);
        }
    }

    private int Decide(int socket, SrtStreamId id)
    {
        lock (Gate)
        {
            // The one that names it goes before one that takes any.
            var listener = _listeners.OrderByDescending(l => l.Address.StreamId.Length > 0)
                .FirstOrDefault(l => l.Address.StreamId.Length == 0 || id.Names(l.Address.StreamId));
            var reason = listener is null ? NotFound
                : id.Mode is not null && id.IsRequest == listener.IsForSenders ? WrongMode
                : listener.Reserve(socket) ? 0
                : Conflict;
            if (reason != 0)
            {
                _ = Interlocked.Increment(ref _refused);
                return SrtSocket.Reject(socket, reason);
            }

            listener!.Address.Apply(SrtSocket.Borrow(socket));
            // Of one that was let in before and never came through (another passphrase, say) nobody tells.
            foreach (var before in _expected.Where(e => e.Value == listener).Select(e => e.Key).ToList())
            {
                _ = _expected.Remove(before);
            }

            _expected[socket] = listener;
            return 0;
        }
    }
}
