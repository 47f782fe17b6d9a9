using System.Buffers.Binary;
using System.Net.Sockets;

namespace StreamDiff.Transport.Links.Sockets;

/// <summary>What both ends of a link ask of their sockets.</summary>
internal static class LinkSocket
{
    /// <summary>TCP_USER_TIMEOUT of Linux: milliseconds in which what was sent must be acknowledged (RFC 5482).</summary>
    internal const int UserTimeout = 18;

    private const int Tcp = 6;
    private const int Questions = 3;

    /// <summary>
    /// Messages leave at once, and a machine that vanishes without a word is noticed (<see cref="LinkOptions.KeepAlive"/>): a rank has
    /// nothing to send to a driver that gives it nothing to do, and would wait for it for ever.
    /// </summary>
    public static void Prepare(Socket socket, LinkOptions options)
    {
        var idle = (int)options.KeepAlive.TotalSeconds;
        var between = Math.Max(1, idle / 2);
        socket.NoDelay = true;
        socket.SetSocketOption(SocketOptionLevel.Socket, SocketOptionName.KeepAlive, true);
        socket.SetSocketOption(SocketOptionLevel.Tcp, SocketOptionName.TcpKeepAliveTime, idle);
        socket.SetSocketOption(SocketOptionLevel.Tcp, SocketOptionName.TcpKeepAliveInterval, between);
        socket.SetSocketOption(SocketOptionLevel.Tcp, SocketOptionName.TcpKeepAliveRetryCount, Questions);
        if (!OperatingSystem.IsLinux())
            return;
        // Nobody is asked while data are on their way: without this a vanished peer is sent them for a quarter of an hour.
        Span<byte> milliseconds = stackalloc byte[sizeof(int)];
        BinaryPrimitives.WriteInt32LittleEndian(milliseconds, 1000 * (idle + Questions * between));
        socket.SetRawSocketOption(Tcp, UserTimeout, milliseconds);
    }
}
