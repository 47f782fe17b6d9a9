using System.Globalization;
using System.Net.Sockets;
using System.Text;
using StreamDiff.Transport.Media.FFmpeg;
using StreamDiff.Transport.Media.Live;

namespace StreamDiff.Transport.Media.Relay;

/// <summary>Reads a publisher's stream from a <see cref="RelayPort"/>, whichever of several it came to.</summary>
internal sealed class RelayCaller : IByteSource
{
    private const int LongestKind = 8;
    private static readonly TimeSpan Connecting = TimeSpan.FromSeconds(2);
    private static readonly TimeSpan Again = TimeSpan.FromMilliseconds(100);

    private readonly Socket _socket;

    private RelayCaller(Socket socket, string kind) => (_socket, IsFlv) = (socket, kind == "flv");

    /// <summary>True for FLV, false for a transport stream.</summary>
    public bool IsFlv { get; }

    /// <summary>Waits until a publisher is there.</summary>
    /// <param name="address"><c>relay://HOST:PORT[,HOST:PORT]/NAME?token=TOKEN</c>.</param>
    /// <param name="ct">Breaks it off.</param>
    /// <exception cref="OperationCanceledException"><paramref name="ct"/> was cancelled.</exception>
    public static RelayCaller Connect(MediaAddress address, CancellationToken ct)
    {
        var (hosts, line) = Parse(address);
        while (true)
        {
            foreach (var (host, port) in hosts)
            {
                ct.ThrowIfCancellationRequested();
                if (Try(host, port, line, ct) is { } caller)
                {
                    return caller;
                }
            }

            if (ct.WaitHandle.WaitOne(Again))
            {
                ct.ThrowIfCancellationRequested();
            }
        }
    }

    /// <summary>Throws for what can be seen of an address without calling it.</summary>
    /// <exception cref="MediaException">It is not understood.</exception>
    public static void Check(MediaAddress address) => _ = Parse(address);

    public int Read(Span<byte> buffer, TimeSpan patience)
    {
        try
        {
            return _socket.Poll(patience, SelectMode.SelectRead) ? _socket.Receive(buffer) : -1;
        }
        catch (SocketException)
        {
            return 0;
        }
    }

    public void Dispose() => _socket.Dispose();

    private static RelayCaller? Try(string host, int port, string line, CancellationToken ct)
    {
        var socket = new Socket(SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
        try
        {
            using var hurry = CancellationTokenSource.CreateLinkedTokenSource(ct);
            hurry.CancelAfter(Connecting);
            socket.ConnectAsync(host, port, hurry.Token).AsTask().GetAwaiter().GetResult();
            socket.ReceiveTimeout = (int)Connecting.TotalMilliseconds;
            _ = socket.Send(Encoding.UTF8.GetBytes(line));
            var kind = Kind(socket);
            if (kind is "flv" or "ts")
            {
                return new RelayCaller(socket, kind);
            }
        }
        catch (Exception e) when (e is SocketException or OperationCanceledException)
        {
            // It is not there, or not yet.
        }

        socket.Dispose();
        return null;
    }

    private static string Kind(Socket socket)
    {
        Span<byte> one = stackalloc byte[1];
        var kind = new StringBuilder();
        while (kind.Length < LongestKind && socket.Receive(one) == 1 && one[0] != '\n')
        {
            _ = kind.Append((char)one[0]);
        }

        return kind.ToString();
    }

    private static (List<(string Host, int Port)> Hosts, string Line) Parse(MediaAddress address)
    {
        var rest = address.Target["relay://".Length..];
        var slash = rest.IndexOf('/', StringComparison.Ordinal);
        var hosts = new List<(string, int)>();
        foreach (var host in (slash < 0 ? "" : rest[..slash]).Split(',', StringSplitOptions.RemoveEmptyEntries))
        {
            var colon = host.LastIndexOf(':');
            if (colon < 0 || !int.TryParse(host.AsSpan(colon + 1), CultureInfo.InvariantCulture, out var port))
            {
                throw new MediaException($"'{address.Shown}': write relay://HOST:PORT/NAME?token=TOKEN");
            }

            hosts.Add((host[..colon].Trim('[', ']'), port));
        }

        return hosts.Count > 0 && slash + 1 < rest.Length
            ? (hosts, $"{RelayPort.Greeting} {address.Query.GetValueOrDefault("token")} {Uri.UnescapeDataString(rest[(slash + 1)..])}\n")
            : throw new MediaException($"'{address.Shown}': write relay://HOST:PORT/NAME?token=TOKEN");
    }
}
