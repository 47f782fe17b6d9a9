using System.Threading.Channels;

namespace StreamDiff.Transport.Media.Srt;

/// <summary>
/// Waits for callers of one input or output, one at a time. The port stays open from one caller to the next, and is shared: see
/// <see cref="SrtPort"/>.
/// </summary>
internal sealed class SrtListener : IDisposable
{
    private readonly SrtPort _port;
    private readonly Channel<SrtSocket> _callers = Channel.CreateUnbounded<SrtSocket>();
    private SrtSocket? _current;
    private int _isDisposed;

    /// <summary>Opens the port, or joins others there.</summary>
    /// <param name="address">An address with <c>mode=listener</c>.</param>
    /// <param name="isForSenders">True for an input, whose callers send.</param>
    /// <exception cref="MediaException">The port cannot be opened, or somebody listens there for the same stream id.</exception>
    public SrtListener(SrtAddress address, bool isForSenders)
    {
        (Address, IsForSenders) = (address, isForSenders);
        try
        {
            _port = SrtPort.Join(this, address.EndPoint(CancellationToken.None));
        }
        catch (MediaException error) when (error.Absence == SourceAbsence.Missing && !error.Message.StartsWith('\''))
        {
            throw new MediaException($"'{address.Shown}' cannot be listened to: {error.Message}", error) { Absence = error.Absence };
        }
    }

    /// <summary>What callers must name, and how they are spoken with.</summary>
    public SrtAddress Address { get; }

    /// <summary>True where callers send, false where they are sent to.</summary>
    public bool IsForSenders { get; }

    /// <summary>The UDP port, also when any free one was asked for.</summary>
    public int Port => _port.Number;

    /// <summary>Callers rejected at the port so far: another stream id, or a second one.</summary>
    public long Refused => _port.Refused;

    /// <summary>Waits for the next caller, which the caller of this disposes.</summary>
    public SrtSocket Accept(CancellationToken ct)
    {
        var caller = _callers.Reader.ReadAsync(ct).AsTask().GetAwaiter().GetResult();
        caller.WaitShortly();
        return caller;
    }

    /// <summary>True where a caller may come in: there is none, or this one takes over. Within the port's lock.</summary>
    public bool Reserve(int socket)
    {
        if (_current is { IsAlive: true } other)
        {
            if (!Address.Overrides)
            {
                return false;
            }

            // Closing waits for what was sent; nobody waits for that here.
            _ = Task.Run(other.Dispose);
        }

        _current = SrtSocket.Borrow(socket);
        return true;
    }

    /// <summary>A caller that was let in.</summary>
    public void Deliver(SrtSocket caller)
    {
        while (_callers.Reader.TryRead(out var old))
        {
            old.Dispose();
        }

        if (Volatile.Read(ref _isDisposed) != 0 || !_callers.Writer.TryWrite(caller))
        {
            caller.Dispose();
        }
    }

    public void Dispose()
    {
        if (Interlocked.Exchange(ref _isDisposed, 1) != 0)
        {
            return;
        }

        _port.Leave(this);
        while (_callers.Reader.TryRead(out var caller))
        {
            caller.Dispose();
        }
    }
}
