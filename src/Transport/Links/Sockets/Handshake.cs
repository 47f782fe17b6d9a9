using System.Buffers;
using System.Buffers.Binary;
using System.Security.Cryptography;
using System.Text;
using MessagePack;

namespace StreamDiff.Transport.Links.Sockets;

/// <summary>
/// The first bytes on a link. Both ends show their protocol version and a fresh random number; the caller proves by a keyed hash over all
/// of that that it knows the secret, and only then does the listener prove the same. Both proofs tell whose they are and cover everything
/// said before, versions and random numbers included. Only then do the ends compare what they are, and only then does anything else pass.
/// Refusals carry a reason. Nothing is kept of a peer that does not get through, and a caller that has not proved itself is sent nothing
/// that was made from the secret: what it could try guesses on.
/// </summary>
internal static class Handshake
{
    private const uint Magic = 0x4844_4453; // "SDDH"
    private const int NonceBytes = 32;
    private const int PrefixBytes = 8;
    private const int MostBytes = 4096;
    private const string NoRank = "it does not speak the protocol between ranks";
    private static readonly byte[] CallerRole = "streamdiff caller"u8.ToArray();
    private static readonly byte[] ListenerRole = "streamdiff listener"u8.ToArray();

    /// <summary>As the caller. Returns the lane between devices that both ends have, if they do.</summary>
    /// <exception cref="LinkException">The peer refuses, is no rank, or does not know the secret.</exception>
    public static async Task<LaneOffer> CallAsync(
        Stream stream, LinkOptions options, LinkIdentity identity, string name, CancellationToken cancellation)
    {
        var said = new Transcript(stream, options.Secret);
        await said.WriteAsync(Hello(name), cancellation).ConfigureAwait(false);
        var (version, listener) = ReadHello(await said.ReadAsync(cancellation).ConfigureAwait(false));
        if (OtherVersion(version) is { } other)
            throw new LinkException($"it {other}");
        await said.WriteAsync(Answer("", said.Proof(CallerRole)), cancellation).ConfigureAwait(false);
        var expected = said.Proof(ListenerRole);
        var (refusal, proof) = ReadAnswer(await said.ReadAsync(cancellation).ConfigureAwait(false));
        if (refusal.Length > 0)
            throw new LinkException($"{listener} refuses: {refusal}");
        if (!CryptographicOperations.FixedTimeEquals(proof, expected))
            throw new LinkException("it does not know the secret that this program was given");
        var offer = LaneOffer.Of(options);
        await said.WriteAsync(Claim(identity, offer.Ids), cancellation).ConfigureAwait(false);
        var (verdict, lane) = ReadVerdict(await said.ReadAsync(cancellation).ConfigureAwait(false));
        if (verdict.Length > 0)
            throw new LinkException($"{listener} refuses: {verdict}");
        return lane ? offer : new LaneOffer([], offer.Obstacle ?? (options.Devices is null ? null : "the neighbour has no NCCL"));
    }

    /// <summary>As the listener. Returns the caller's name, and the lane between devices that both ends have, if they do.</summary>
    /// <exception cref="LinkException">The peer is refused.</exception>
    public static async Task<(string Caller, LaneOffer Lane)> AnswerAsync(
        Stream stream, LinkOptions options, LinkIdentity identity, string name, CancellationToken cancellation)
    {
        var said = new Transcript(stream, options.Secret);
        var (version, caller) = ReadHello(await said.ReadAsync(cancellation).ConfigureAwait(false));
        // A caller of another release reads what is said here as well: it tells its user of the two versions.
        await said.WriteAsync(Hello(name), cancellation).ConfigureAwait(false);
        if (OtherVersion(version) is { } other)
            throw new LinkException($"the caller {other}");
        var expected = said.Proof(CallerRole);
        var (_, proof) = ReadAnswer(await said.ReadAsync(cancellation).ConfigureAwait(false));
        if (!CryptographicOperations.FixedTimeEquals(proof, expected))
        {
            var stranger = options.Secret.Length > 0
                ? "the caller does not know the secret"
                : "the caller was given a secret, this rank was not";
            await said.WriteAsync(Answer(stranger, []), cancellation).ConfigureAwait(false);
            throw new LinkException(stranger);
        }
        await said.WriteAsync(Answer("", said.Proof(ListenerRole)), cancellation).ConfigureAwait(false);
        var (theirIdentity, ids) = ReadClaim(await said.ReadAsync(cancellation).ConfigureAwait(false));
        var problem = identity.Conflict(theirIdentity);
        var lane = options.Devices is not null && ids.Length > 0;
        await said.WriteAsync(Verdict(problem ?? "", lane), cancellation).ConfigureAwait(false);
        var offer = new LaneOffer(lane ? ids : [], options.Devices is null || lane ? null : "the neighbour has no NCCL");
        return problem is null ? (caller, offer) : throw new LinkException(problem);
    }

    private static string? OtherVersion(int version) => version == FrameCodec.ProtocolVersion
        ? null
        : $"speaks version {version} of the protocol between ranks, this program version {FrameCodec.ProtocolVersion}: "
            + "use the same release on both";

    // Version 2 had a proof in the fourth field, and reads nothing else but four: it stays, empty.
    private static byte[] Hello(string name) => Pack((ref MessagePackWriter writer) =>
    {
        writer.WriteArrayHeader(4);
        writer.Write(FrameCodec.ProtocolVersion);
        writer.Write(name);
        writer.Write(RandomNumberGenerator.GetBytes(NonceBytes));
        writer.Write(Array.Empty<byte>());
    });

    // The random number counts as a part of the transcript. Of another version only the version is known.
    private static (int Version, string Name) ReadHello(byte[] bytes) => Unpack(bytes, (ref MessagePackReader reader) =>
    {
        var fields = reader.ReadArrayHeader();
        var version = reader.ReadInt32();
        if (version != FrameCodec.ProtocolVersion)
            return (version, "");
        Expect(fields == 4);
        var name = Printable(reader.ReadString());
        Expect(Bytes(ref reader).Length == NonceBytes && Bytes(ref reader).Length == 0);
        return (version, name);
    });

    private static byte[] Answer(string refusal, byte[] proof) => Pack((ref MessagePackWriter writer) =>
    {
        writer.WriteArrayHeader(2);
        writer.Write(refusal);
        writer.Write(proof);
    });

    private static (string Refusal, byte[] Proof) ReadAnswer(byte[] bytes) => Unpack(bytes, (ref MessagePackReader reader) =>
    {
        Expect(reader.ReadArrayHeader() == 2);
        return (Printable(reader.ReadString()), Bytes(ref reader));
    });

    private static byte[] Claim(LinkIdentity identity, byte[] ids) => Pack((ref MessagePackWriter writer) =>
    {
        writer.WriteArrayHeader(5);
        writer.Write(identity.Model);
        writer.Write(identity.Shape);
        writer.Write(identity.Weights);
        writer.Write(identity.Type);
        writer.Write(ids);
    });

    private static (LinkIdentity Identity, byte[] Ids) ReadClaim(byte[] bytes) => Unpack(bytes, (ref MessagePackReader reader) =>
    {
        Expect(reader.ReadArrayHeader() == 5);
        var identity = new LinkIdentity(
            Printable(reader.ReadString()), Printable(reader.ReadString()), Printable(reader.ReadString()), Printable(reader.ReadString()));
        return (identity, Bytes(ref reader));
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
        catch (Exception e) when (e is not LinkException)
        {
            // A library fails at a stranger's bytes in more ways than it tells of.
            throw new LinkException(NoRank, e);
        }
    }

    private static void Expect(bool holds)
    {
        if (!holds)
            throw new LinkException(NoRank);
    }

    private delegate void PackAction(ref MessagePackWriter writer);

    private delegate T UnpackFunction<T>(ref MessagePackReader reader);

    /// <summary>Everything that both ends have said, byte for byte, and proofs over it.</summary>
    private sealed class Transcript(Stream stream, byte[] secret)
    {
        private readonly ArrayBufferWriter<byte> _said = new(1024);

        /// <summary>The keyed hash of what was said so far, by the one whose role it is.</summary>
        public byte[] Proof(byte[] role) => HMACSHA256.HashData(secret.AsSpan(), (ReadOnlySpan<byte>)[.. role, 0, .. _said.WrittenSpan]);

        public async Task WriteAsync(byte[] body, CancellationToken cancellation)
        {
            var frame = new byte[PrefixBytes + body.Length];
            BinaryPrimitives.WriteUInt32LittleEndian(frame, Magic);
            BinaryPrimitives.WriteInt32LittleEndian(frame.AsSpan(4), body.Length);
            body.CopyTo(frame, PrefixBytes);
            await stream.WriteAsync(frame, cancellation).ConfigureAwait(false);
            await stream.FlushAsync(cancellation).ConfigureAwait(false);
            _said.Write(frame);
        }

        public async Task<byte[]> ReadAsync(CancellationToken cancellation)
        {
            var prefix = new byte[PrefixBytes];
            await ReadExactly(prefix, cancellation).ConfigureAwait(false);
            var length = BinaryPrimitives.ReadInt32LittleEndian(prefix.AsSpan(4));
            Expect(BinaryPrimitives.ReadUInt32LittleEndian(prefix) == Magic && length is > 0 and <= MostBytes);
            var body = new byte[length];
            await ReadExactly(body, cancellation).ConfigureAwait(false);
            _said.Write(prefix);
            _said.Write(body);
            return body;
        }

        private async Task ReadExactly(byte[] buffer, CancellationToken cancellation)
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
    }
}
