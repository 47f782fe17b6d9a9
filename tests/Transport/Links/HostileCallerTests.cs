using System.Buffers;
using System.Net;
using System.Net.Sockets;
using StreamDiff.Transport.Links;
using StreamDiff.Transport.Links.Sockets;

namespace StreamDiff.Transport.Tests.Links;

/// <summary>Callers of a rank that mean no good.</summary>
public sealed class HostileCallerTests
{
    private static readonly LinkIdentity Identity = new("m", "s", "w", "t");
    private static readonly LinkOptions Options = new() { HandshakeTimeout = TimeSpan.FromMinutes(5), MaxHandshakes = 8 };

    [Fact]
    public void ManyHalfOpenHandshakes_KeepNobodyOut()
    {
        using var let = new SemaphoreSlim(0);
        var log = new System.Collections.Concurrent.ConcurrentQueue<string>();
        using var listener = new SocketListener(new IPEndPoint(IPAddress.Loopback, 0), Options, Identity, link =>
        {
            link.Dispose();
            let.Release();
        }, log.Enqueue);
        var idle = new List<TcpClient>();
        try
        {
            for (var i = 0; i < 60; i++)
            {
                var peer = new TcpClient();
                peer.Connect(listener.Endpoint);
                idle.Add(peer);
            }
            SocketCaller.Connect(listener.Endpoint.ToString(), Options, Identity, "a friend").Dispose();
            Assert.True(let.Wait(TimeSpan.FromMinutes(5)));
        }
        finally
        {
            idle.ForEach(i => i.Dispose());
        }
    }

    [Theory]
    [InlineData(new byte[] { 0xdb, 0xff, 0xff, 0xff, 0xff })]
    [InlineData(new byte[] { 0xdd, 0xff, 0xff, 0xff, 0xff })]
    [InlineData(new byte[] { 0xdf, 0xff, 0xff, 0xff, 0xff })]
    [InlineData(new byte[] { 0xd9, 0x04, 0xff, 0xfe, 0xfd, 0xfc })]
    public void AHeaderWithImpossibleLengths_EndsTheLinkAndSaysSo(byte[] detail)
    {
        // kind, pool, epoch, tick, no rows, no timings, then the text whose length is a lie.
        byte[] header = [0x99, 0x01, 0x00, 0x00, 0x00, 0x90, 0x90, .. detail];
        Assert.Throws<LinkException>(() => HeaderCodec.Read(new ReadOnlySequence<byte>(header), 1 << 20));
        byte[] nested = [0x99, 0x01, 0x00, 0x00, 0x00, .. detail, 0x90];
        Assert.Throws<LinkException>(() => HeaderCodec.Read(new ReadOnlySequence<byte>(nested), 1 << 20));
    }

    [Fact]
    public void AnArrayThatThereIsNoMemoryFor_EndsTheLinkAndNotTheRank()
    {
        var options = Options with { MaxPayloadBytes = long.MaxValue };
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        using var peer = new TcpClient();
        peer.Connect((IPEndPoint)listener.LocalEndpoint);
        using var inbox = new LinkInbox();
        using var link = new SocketLink(listener.AcceptTcpClient().GetStream(), "a peer", options);
        link.Open(inbox);
        var header = new ArrayBufferWriter<byte>();
        HeaderCodec.Write(header, new LinkHeader { Kind = LinkKind.Tick }, [new PayloadSpec(ElementType.U8, [int.MaxValue, 4096], 0)]);
        var prefix = new byte[16];
        System.Buffers.Binary.BinaryPrimitives.WriteUInt32LittleEndian(prefix, 0x314C_4453);
        System.Buffers.Binary.BinaryPrimitives.WriteInt32LittleEndian(prefix.AsSpan(4), header.WrittenCount);
        System.Buffers.Binary.BinaryPrimitives.WriteUInt64LittleEndian(
            prefix.AsSpan(8), System.IO.Hashing.XxHash3.HashToUInt64(header.WrittenSpan));
        peer.GetStream().Write(prefix);
        peer.GetStream().Write(header.WrittenSpan);
        Assert.True(inbox.Take(TimeSpan.FromMinutes(5), out var item));
        Assert.Null(item.Message);
        Assert.NotNull(item.Reason);
        // The socket is closed as well.
        Assert.Equal(0, peer.GetStream().Read(new byte[1]));
    }
}
