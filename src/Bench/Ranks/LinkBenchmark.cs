using System.Diagnostics;
using System.Net;
using System.Net.Sockets;
using StreamDiff.Scheduling.Statistics;
using StreamDiff.Transport.Links;
using StreamDiff.Transport.Links.Sockets;

namespace StreamDiff.Bench.Ranks;

/// <summary>One size of message over a link on loopback.</summary>
/// <param name="Bytes">Payload.</param>
/// <param name="RoundTripMicroseconds">There and back, in the middle.</param>
/// <param name="BytesPerSecond">One way, one after the other.</param>
/// <param name="ManagedBytes">Allocated per message, both ends.</param>
public readonly record struct LinkFigures(int Bytes, double RoundTripMicroseconds, double BytesPerSecond, double ManagedBytes);

/// <summary>What the socket link costs over the sockets below it: the same sizes through both, on loopback.</summary>
public static class LinkBenchmark
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(30);

    public static LinkFigures Link(int bytes, int count)
    {
        var identity = new LinkIdentity("benchmark", "", "", "");
        using var accepted = new SemaphoreSlim(0);
        ILink? far = null;
        using var listener = new SocketListener(new IPEndPoint(IPAddress.Loopback, 0), new LinkOptions(), identity, link =>
        {
            far = link;
            accepted.Release();
        }, _ => { });
        using var near = SocketCaller.Connect(listener.Endpoint.ToString(), new LinkOptions(), identity, "benchmark");
        if (!accepted.Wait(Patience))
            throw new LinkException("nobody connected");
        using var end = far!;
        using var atNear = new LinkInbox();
        using var atFar = new LinkInbox();
        near.Open(atNear);
        end.Open(atFar);
        var echo = new Thread(() => Echo(end, atFar, 3 * count, count));
        echo.Start();
        var trips = new double[count];
        for (var i = 0; i < 2 * count; i++)
        {
            var started = Stopwatch.GetTimestamp();
            near.Send(Message(bytes));
            Take(atNear).Dispose();
            // The first half is for warming up.
            if (i >= count)
                trips[i - count] = Stopwatch.GetElapsedTime(started).TotalMicroseconds;
        }
        var allocated = GC.GetTotalAllocatedBytes(precise: true);
        var begun = Stopwatch.GetTimestamp();
        for (var i = 0; i < count; i++)
            near.Send(Message(bytes));
        Take(atNear).Dispose();
        var seconds = Stopwatch.GetElapsedTime(begun).TotalSeconds;
        allocated = GC.GetTotalAllocatedBytes(precise: true) - allocated;
        echo.Join();
        return new LinkFigures(bytes, Distribution.Median(trips), (double)bytes * count / seconds, (double)allocated / count);
    }

    public static LinkFigures Sockets(int bytes, int count)
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        using var near = new Socket(SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
        near.Connect(listener.LocalEndpoint);
        using var far = listener.AcceptSocket();
        far.NoDelay = true;
        var echo = new Thread(() =>
        {
            var buffer = new byte[bytes];
            for (var i = 0; i < 3 * count; i++)
            {
                Fill(far, buffer);
                if (i < 2 * count)
                    far.Send(buffer);
            }
            far.Send([1]);
        });
        echo.Start();
        var mine = new byte[bytes];
        var trips = new double[count];
        for (var i = 0; i < 2 * count; i++)
        {
            var started = Stopwatch.GetTimestamp();
            near.Send(mine);
            Fill(near, mine);
            if (i >= count)
                trips[i - count] = Stopwatch.GetElapsedTime(started).TotalMicroseconds;
        }
        var begun = Stopwatch.GetTimestamp();
        for (var i = 0; i < count; i++)
            near.Send(mine);
        Fill(near, mine.AsSpan(0, 1));
        var seconds = Stopwatch.GetElapsedTime(begun).TotalSeconds;
        echo.Join();
        return new LinkFigures(bytes, Distribution.Median(trips), (double)bytes * count / seconds, 0);
    }

    private static void Echo(ILink link, LinkInbox inbox, int total, int silent)
    {
        for (var i = 0; i < total; i++)
        {
            var message = Take(inbox);
            if (i < total - silent)
                link.Send(message);
            else
                message.Dispose();
        }
        link.Send(Message(1));
    }

    private static LinkMessage Message(int bytes) =>
        new(new LinkHeader { Kind = LinkKind.Tick, Rows = [new LinkRow(0, 0, 0, 0, 700, 0), new LinkRow(1, 1, 0, 0, 500, 0)] },
            new HostPayload(ElementType.U8, [bytes]));

    private static LinkMessage Take(LinkInbox inbox) =>
        inbox.Take(Patience, out var item) && item.Message is { } message
            ? message
            : throw new LinkException($"the link ended: {item.Reason ?? "nothing came"}");

    private static void Fill(Socket socket, Span<byte> buffer)
    {
        while (buffer.Length > 0)
            buffer = socket.Receive(buffer) is > 0 and var read ? buffer[read..] : throw new LinkException("the other end has closed");
    }
}
