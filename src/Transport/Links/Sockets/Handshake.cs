using System.Buffers;
using System.Buffers.Binary;
using System.Security.Cryptography;
using System.Text;
using MessagePack;

namespace StreamDiff.Transport.Links.Sockets;

/// <summary>
/// The first bytes on a link. Both ends show their protocol version, prove that they know the secret by keyed hashes over both ends' fresh random numbers, and compare what they
/// are; only then does anything else pass. Refusals carry a reason. Nothing is kept of a peer that does not get through.
/// </summary>
internal static class Handshake
{
    private const uint Magic = 0x4844_4453; // "SDDH"
    private const int NonceBytes = 32;
    private const int MostBytes = 4096;
    private static readonly byte[] CallerRole = "caller"u8.ToArray();
    private static readonly byte[] ListenerRole = "listener"u8.ToArray();

    /// <summary>As the caller. Returns the lane between devices that both ends have, if they do.</summary>
    /// <exception cref="LinkException">The peer refuses, is no rank, or does not know the secret.</exception>
    public static async Task<LaneOffer> CallAsync(Stream stream, LinkOptions options, LinkIdentity identity, string name, CancellationToken cancellation)
    {
        var mine = RandomNumberGenerator.GetBytes(NonceBytes);
        await WriteAsync(stream, Hello(FrameCodec.ProtocolVersion, name, mine, []), cancellation).ConfigureAwait(false);
        var (version, listener, theirs, proof) = ReadHello(await ReadAsync(stream, cancellation).ConfigureAwait(false));
        if (version != FrameCodec.ProtocolVersion)
            throw new LinkException($"it speaks version {version} of the protocol between ranks, this program version {FrameCodec.ProtocolVersion}: use the same release on both");
        if (!CryptographicOperations.FixedTimeEquals(proof, Proof(options, ListenerRole, mine, theirs)))
            throw new LinkException("it does not know the secret that this program was given");
        var offer = LaneOffer.Of(options);
        await WriteAsync(stream, Claim(Proof(options, CallerRole, mine, theirs), identity, offer.Ids), cancellation).ConfigureAwait(false);
        var (verdict, lane) = ReadVerdict(await ReadAsync(stream, cancellation).ConfigureAwait(false));
        if (verdict.Length > 0)
            throw new LinkException($"{listener} refuses: {verdict}");
        return lane ? offer : new LaneOffer([], offer.Obstacle ?? (options.Devices is null ? null : "the neighbour has no NCCL"));
    }

    /// <summary>As the listener. Returns the caller's name, and the lane between devices that both ends have, if they do.</summary>
    /// <exception cref="LinkException">The peer is refused.</exception>
    public static async Task<(string Caller, LaneOffer Lane)> AnswerAsync(Stream stream, LinkOptions options, LinkIdentity identity, string name, CancellationToken cancellation)
    {
        var (version, caller, theirs, _) = ReadHello(await ReadAsync(stream, cancellation).ConfigureAwait(false));
        var mine = RandomNumberGenerator.GetBytes(NonceBytes);
        await WriteAsync(stream, Hello(FrameCodec.ProtocolVersion, name, mine, Proof(options, ListenerRole, theirs, mine)), cancellation).ConfigureAwait(false);
        if (version != FrameCodec.ProtocolVersion)
            throw new LinkException($"the caller speaks version {version} of the protocol");
        var (proof, theirIdentity, ids) = ReadClaim(await ReadAsync(stream, cancellation).ConfigureAwait(false));
        var problem = !CryptographicOperations.FixedTimeEquals(proof, Proof(options, CallerRole, theirs, mine)) ? "the caller does not know the secret" : identity.Conflict(theirIdentity);
        var lane = options.Devices is not null && ids.Length > 0;
        await WriteAsync(stream, Verdict(problem ?? "", lane), cancellation).ConfigureAwait(false);
        var offer = new LaneOffer(lane ? ids : [], options.Devices is null || lane ? null : "the neighbour has no NCCL");
        return problem is null ? (caller, offer) : throw new LinkException(problem);
    }

    private static byte[] Proof(LinkOptions options, byte[] role, byte[] callerNonce, byte[] listenerNonce) =>
        HMACSHA256.HashData(options.Secret.AsSpan(), (ReadOnlySpan<byte>)[.. role, .. callerNonce, .. listenerNonce]);

    private static byte[] Hello(int version, string name, byte[] nonce, byte[] proof) => Pack((ref MessagePackWriter writer) =>
    {
        writer.WriteArrayHeader(4);
        writer.Write(version);
        writer.Write(name);
        writer.Write(nonce);
        writer.Write(proof);
    });

    private static (int Version, string Name, byte[] Nonce, byte[] Proof) ReadHello(byte[] bytes) => Unpack(bytes, (ref MessagePackReader reader) =>
    {
        Expect(reader.ReadArrayHeader() == 4);
        var hello = (reader.ReadInt32(), Printable(reader.ReadString()), Bytes(ref reader), Bytes(ref reader));
        Expect(hello.Item3.Length == NonceBytes);
        return hello;
    });

    private static byte[] Claim(byte[] proof, LinkIdentity identity, byte[] ids) => Pack((ref MessagePackWriter writer) =>
    {
        writer.WriteArrayHeader(6);
        writer.Write(proof);
        writer.Write(identity.Model);
        writer.Write(identity.Shape);
        writer.Write(identity.Weights);
        writer.Write(identity.Type);
        writer.Write(ids);
    });

    private static (byte[] Proof, LinkIdentity Identity, byte[] Ids) ReadClaim(byte[] bytes) => Unpack(bytes, (ref MessagePackReader reader) =>
    {
        Expect(reader.ReadArrayHeader() == 6);
        var proof = Bytes(ref reader);
        var identity = new LinkIdentity(Printable(reader.ReadString()), Printable(reader.ReadString()), Printable(reader.ReadString()), Printable(reader.ReadString()));
        return (proof, identity, Bytes(ref reader));
    });

    private static byte[] Verdict(string problem, bool lane) => Pack((ref MessagePackWriter writer) =>
    {
        writer.WriteArrayHeader(2);
        writer.Write(problem);
        writer.Write(lane);
    });

    private static (string Problem, bool Lane) ReadVerdict(byte[] bytes) => Unpack(bytes, (ref MessagePackReader reader) =>
    {
        Expect(reader.ReadArrayHeader() == 2);
        return (Printable(reader.ReadString()), reader.ReadBoolean());
    });

    private static byte[] Bytes(ref MessagePackReader reader) => reader.ReadBytes() is { } sequence ? sequence.ToArray() : [];

    // A peer's words are shown to people: no control characters.
    private static string Printable(string? text) => string.Concat((text ?? "").Where(c => !char.IsControl(c)).Take(300));

    private static byte[] Pack(PackAction write)
    {
        var buffer = new ArrayBufferWriter<byte>(256);
        var writer = new MessagePackWriter(buffer);
        write(ref writer);
        writer.Flush();
        return buffer.WrittenSpan.ToArray();
    }

    private static T Unpack<T>(byte[] bytes, UnpackFunction<T> read)
    {
        try
        {
            var reader = new MessagePackReader(bytes);
            return read(ref reader);
        }
        catch (Exception e) when (e is MessagePackSerializationException or EndOfStreamException or OverflowException or DecoderFallbackException)
        {
            throw new LinkException("it does not speak the protocol between ranks", e);
        }
    }

    private static void Expect(bool holds)
    {
        if (!holds)
            throw new LinkException("it does not speak the protocol between ranks");
    }

    private static async Task WriteAsync(Stream stream, byte[] body, CancellationToken cancellation)
    {
        var frame = new byte[8 + body.Length];
        BinaryPrimitives.WriteUInt32LittleEndian(frame, Magic);
        BinaryPrimitives.WriteInt32LittleEndian(frame.AsSpan(4), body.Length);
        body.CopyTo(frame, 8);
        await stream.WriteAsync(frame, cancellation).ConfigureAwait(false);
        await stream.FlushAsync(cancellation).ConfigureAwait(false);
    }

    private static async Task<byte[]> ReadAsync(Stream stream, CancellationToken cancellation)
    {
        var prefix = new byte[8];
        await ReadExactly(stream, prefix, cancellation).ConfigureAwait(false);
        var length = BinaryPrimitives.ReadInt32LittleEndian(prefix.AsSpan(4));
        Expect(BinaryPrimitives.ReadUInt32LittleEndian(prefix) == Magic && length is > 0 and <= MostBytes);
        var body = new byte[length];
        await ReadExactly(stream, body, cancellation).ConfigureAwait(false);
        return body;
    }

    private static async Task ReadExactly(Stream stream, byte[] buffer, CancellationToken cancellation)
    {
        try
        {
            await stream.ReadExactlyAsync(buffer, cancellation).ConfigureAwait(false);
        }
        catch (EndOfStreamException e)
        {
            throw new LinkException("it ended the connection before it had shaken hands (is TLS on at one end only?)", e);
        }
    }

    private delegate void PackAction(ref MessagePackWriter writer);

    private delegate T UnpackFunction<T>(ref MessagePackReader reader);
}
