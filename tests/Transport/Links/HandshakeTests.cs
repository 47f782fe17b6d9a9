using System.Buffers.Binary;
using System.Net;
using System.Net.Sockets;
using System.Security.Cryptography;
using MessagePack;
using StreamDiff.Transport.Links;
using StreamDiff.Transport.Links.Sockets;

namespace StreamDiff.Transport.Tests.Links;

/// <summary>What peers that do not know the secret, or are of another release, see and get. They speak in bytes, as strangers do.</summary>
public sealed class HandshakeTests
{
    private const int Version = FrameCodec.ProtocolVersion;
    private const string OldVersion =
        "speaks version 2 of the protocol between ranks, this program version 4: use the same release on both";
    private static readonly LinkIdentity Identity = new("tiny", "6 blocks", "random:1", "Float32");
    private static readonly LinkOptions Options = SocketLinkTests.Options;

    [Theory]
    [InlineData(0)]
    [InlineData(32)]
    public void Listener_CallerThatDoesNotProveItself_IsSentNothingMadeFromTheSecret(int proofBytes)
    {
        // All that it is sent is the same for two secrets, but for one random number and the listener's address.
        Assert.Equal(Sent(Options), Sent(Options with { Secret = SocketLinkTests.Secret(99) }));

        List<object> Sent(LinkOptions options)
        {
            using var listener = SocketLinkTests.Listen(options, Identity, _ => Assert.Fail("let in"));
            using var stranger = new Peer(listener.Endpoint);
            stranger.Write(Version, "stranger", RandomNumberGenerator.GetBytes(32), Array.Empty<byte>());
            var challenge = stranger.Read();
            Assert.Equal(32, Assert.IsType<byte[]>(challenge[2]).Length);
            challenge[2] = "a random number";
            stranger.Write("", RandomNumberGenerator.GetBytes(proofBytes));
            var sent = challenge.Concat(stranger.Read()).ToList();
            Assert.True(stranger.IsOver);
            Assert.All(sent.OfType<byte[]>(), Assert.Empty);
            var here = listener.Endpoint.ToString();
            return [.. sent.Select(v => v is string text ? text.Replace(here, "here", StringComparison.Ordinal) : v)];
        }
    }

    [Fact]
    public void Listener_CallerThatSaysNothingMore_IsSentNothingMadeFromTheSecret()
    {
        var hasty = Options with { HandshakeTimeout = TimeSpan.FromSeconds(2) };
        using var listener = SocketLinkTests.Listen(hasty, Identity, _ => Assert.Fail("let in"));
        using var stranger = new Peer(listener.Endpoint);
        stranger.Write(Version, "stranger", new byte[32], Array.Empty<byte>());
        Assert.Equal([32, 0], stranger.Read().OfType<byte[]>().Select(b => b.Length));
        Assert.True(stranger.IsOver);
    }

    [Fact]
    public void Listener_CallerThatProvesItself_ProvesItselfToo()
    {
        using var ready = new SemaphoreSlim(0);
        using var listener = SocketLinkTests.Listen(Options, Identity, link => { link.Dispose(); ready.Release(); });
        using var friend = new Peer(listener.Endpoint);
        Greet(friend);
        friend.Write("", friend.Proof(Options, "caller"));
        var expected = friend.Proof(Options, "listener");
        Assert.Equal(["", expected], friend.Read());
        friend.Write("tiny", "6 blocks", "random:1", "Float32", Array.Empty<byte>());
        Assert.Equal(["", false], friend.Read());
        Assert.True(ready.Wait(SocketLinkTests.Patience));
    }

    public static TheoryData<string, Func<Peer, byte[]>> OtherProofs => new()
    {
        { "of a listener", peer => peer.Proof(Options, "listener") },
        { "of another secret", peer => peer.Proof(Options with { Secret = SocketLinkTests.Secret(99) }, "caller") },
        { "of another caller's random number", peer => peer.Proof(Options, "caller", Spoiled(peer, 40)) },
        { "of another listener's random number", peer => peer.Proof(Options, "caller", Spoiled(peer, peer.Said.Length - 10)) },
        { "of another version", peer => peer.Proof(Options, "caller", Spoiled(peer, 9)) },
        { "cut short", peer => peer.Proof(Options, "caller")[..31] },
    };

    [Theory]
    [MemberData(nameof(OtherProofs))]
    public void Listener_ProofOfSomethingElse_IsRefused(string what, Func<Peer, byte[]> proof)
    {
        using var listener = SocketLinkTests.Listen(Options, Identity, _ => Assert.Fail($"let in by a proof {what}"));
        using var stranger = new Peer(listener.Endpoint);
        Greet(stranger);
        stranger.Write("", proof(stranger));
        Assert.Equal(["the caller does not know the secret", Array.Empty<byte>()], stranger.Read());
        Assert.True(stranger.IsOver);
    }

    [Fact]
    public async Task Caller_ListenerThatSendsItsOwnProofBack_TellsItNothingMore()
    {
        using var host = new TcpListener(IPAddress.Loopback, 0);
        host.Start();
        var call = Task.Run(() => SocketCaller.Connect(host.LocalEndpoint.ToString()!, Options, Identity, "test"));
        using (var mirror = new Peer(await host.AcceptSocketAsync()))
        {
            mirror.WriteFrame(mirror.ReadFrame());
            mirror.WriteFrame(mirror.ReadFrame());
            Assert.True(mirror.IsOver);
        }
        var refused = await Assert.ThrowsAsync<LinkException>(() => call);
        Assert.Contains("does not know the secret that this program was given", refused.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Caller_ListenerOfVersion2_SaysWhatToDo()
    {
        using var host = new TcpListener(IPAddress.Loopback, 0);
        host.Start();
        var call = Task.Run(() => SocketCaller.Connect(host.LocalEndpoint.ToString()!, Options, Identity, "test"));
        using (var old = new Peer(await host.AcceptSocketAsync()))
        {
            Assert.Equal(4, old.Read().Length);
            old.Write(2, "the rank at 127.0.0.1:7000", new byte[32], new byte[32]);
            Assert.True(old.IsOver);
        }
        var refused = await Assert.ThrowsAsync<LinkException>(() => call);
        Assert.Contains($"it {OldVersion}", refused.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Listener_CallerOfVersion2_IsToldTheVersion()
    {
        var log = new List<string>();
        using (var listener = SocketLinkTests.Listen(Options, Identity, _ => Assert.Fail("let in"), log))
        {
            using var old = new Peer(listener.Endpoint);
            Greet(old, version: 2);
            Assert.True(old.IsOver);
        }
        var line = Assert.Single(log);
        Assert.EndsWith($"the caller {OldVersion}", line, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(1)]
    [InlineData(31)]
    public void Secret_ShorterThan32Bytes_IsNone(int bytes) =>
        Assert.Throws<ArgumentException>(() => new LinkOptions { Secret = new byte[bytes] });

    // Version 2 reads these four fields, and of them the version first.
    private static void Greet(Peer peer, int version = Version)
    {
        peer.Write(version, "stranger", RandomNumberGenerator.GetBytes(32), Array.Empty<byte>());
        var greeting = peer.Read();
        Assert.Equal(4, greeting.Length);
        Assert.Equal(Version, Assert.IsType<byte>(greeting[0]));
        Assert.Equal(32, Assert.IsType<byte[]>(greeting[2]).Length);
        Assert.Empty(Assert.IsType<byte[]>(greeting[3]));
    }

    private static byte[] Spoiled(Peer peer, int at)
    {
        var said = peer.Said;
        said[at] ^= 1;
        return said;
    }

    /// <summary>The other end of a connection, byte by byte.</summary>
    public sealed class Peer : IDisposable
    {
        private readonly NetworkStream _stream;
        private readonly List<byte> _said = [];

        public Peer(IPEndPoint endpoint)
            : this(Connected(endpoint))
        {
        }

        public Peer(Socket socket) =>
            _stream = new NetworkStream(socket, ownsSocket: true) { ReadTimeout = (int)SocketLinkTests.Patience.TotalMilliseconds };

        /// <summary>All frames so far, of both ends.</summary>
        public byte[] Said => [.. _said];

        /// <summary>True when the other end sends nothing more.</summary>
        public bool IsOver
        {
            get
            {
                try
                {
                    return _stream.ReadByte() < 0;
                }
                catch (IOException e) when (e.InnerException is SocketException { SocketErrorCode: SocketError.ConnectionReset })
                {
                    return true;
                }
            }
        }

        /// <summary>The keyed hash by which one who knows the secret proves it.</summary>
        public byte[] Proof(LinkOptions options, string role, byte[]? said = null) =>
            HMACSHA256.HashData(options.Secret, (byte[])[.. System.Text.Encoding.ASCII.GetBytes($"streamdiff {role}\0"), .. said ?? Said]);

        public void Write(params object[] values)
        {
            var body = MessagePackSerializer.Serialize(values);
            var frame = new byte[8 + body.Length];
            BinaryPrimitives.WriteUInt32LittleEndian(frame, 0x4844_4453);
            BinaryPrimitives.WriteInt32LittleEndian(frame.AsSpan(4), body.Length);
            body.CopyTo(frame, 8);
            WriteFrame(frame);
        }

        public object[] Read() => MessagePackSerializer.Deserialize<object[]>(ReadFrame().AsMemory(8));

        public void WriteFrame(byte[] frame)
        {
            _stream.Write(frame);
            _said.AddRange(frame);
        }

        public byte[] ReadFrame()
        {
            var prefix = new byte[8];
            _stream.ReadExactly(prefix);
            var body = new byte[BinaryPrimitives.ReadInt32LittleEndian(prefix.AsSpan(4))];
            _stream.ReadExactly(body);
            _said.AddRange([.. prefix, .. body]);
            return [.. prefix, .. body];
        }

        public void Dispose() => _stream.Dispose();

        private static Socket Connected(IPEndPoint endpoint)
        {
            var socket = new Socket(SocketType.Stream, ProtocolType.Tcp);
            socket.Connect(endpoint);
            return socket;
        }
    }
}
