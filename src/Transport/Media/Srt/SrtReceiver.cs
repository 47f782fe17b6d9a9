using StreamDiff.Transport.Media.FFmpeg;

namespace StreamDiff.Transport.Media.Srt;

/// <summary>Somebody who called to be sent a stream; others are told that he is there.</summary>
internal sealed class SrtReceiver : IByteSink
{
    private readonly SrtListener _listener;
    private readonly SrtSocket _socket;

    private SrtReceiver(SrtListener listener, SrtSocket socket) => (_listener, _socket) = (listener, socket);

    public int DatagramSize => _socket.DatagramSize;

    public LinkStatistics? Statistics => _socket.Statistics;

    /// <summary>Listens until somebody calls.</summary>
    /// <exception cref="MediaException">The port cannot be opened.</exception>
    /// <exception cref="OperationCanceledException"><paramref name="ct"/> was cancelled.</exception>
    public static SrtReceiver WaitFor(SrtAddress address, CancellationToken ct)
    {
        var listener = new SrtListener(address, isForSenders: false);
        try
        {
            return new SrtReceiver(listener, listener.Accept(ct));
        }
        catch
        {
            listener.Dispose();
            throw;
        }
    }

    public bool Write(ReadOnlySpan<byte> datagram) => _socket.Write(datagram);

    public void Dispose()
    {
        _socket.Dispose();
        _listener.Dispose();
    }
}
