using System.Buffers;
using System.Buffers.Binary;
using System.IO.Hashing;
using System.IO.Pipelines;

namespace StreamDiff.Transport.Links.Sockets;

/// <summary>
/// Messages on a stream of bytes: a prefix (magic, length and checksum of the header), the header, and the arrays as they lie in memory,
/// each with its checksum in the header. Checksums are XXH3 of 64 bits: they find damage, not deceit. Headers go through pipes; arrays are
/// written from and read into their own memory.
/// </summary>
internal sealed class FrameCodec(Stream stream, LinkOptions options)
{
    /// <summary>Version of everything on the wire. Ends of different versions refuse each other.</summary>
    public const int ProtocolVersion = 4;

    private const uint Magic = 0x314C_4453; // "SDL1"
    private const int PrefixBytes = 16;

    private readonly PipeReader _reader = PipeReader.Create(stream, new StreamPipeReaderOptions(bufferSize: 4096, leaveOpen: true));
    private readonly PipeWriter _writer = PipeWriter.Create(stream, new StreamPipeWriterOptions(leaveOpen: true));
    private readonly ArrayBufferWriter<byte> _header = new(1024);
    private readonly XxHash3 _received = new();
    private readonly PayloadSpec[] _specs = new PayloadSpec[16];

    /// <summary>Called whenever bytes have come in.</summary>
    public Action? Heard { get; set; }

    /// <summary>Writes a message; disposes nothing.</summary>
    public async ValueTask WriteAsync(LinkMessage message, CancellationToken cancellation)
    {
        var payloads = message.Payloads;
        for (var i = 0; i < payloads.Count; i++)
            _specs[i] = new PayloadSpec(payloads[i].Type, payloads[i].Shape, XxHash3.HashToUInt64(payloads[i].Host().Span));
        _header.ResetWrittenCount();
        HeaderCodec.Write(_header, message.Header, _specs.AsSpan(0, payloads.Count));
        WritePrefix(_writer.GetSpan(PrefixBytes));
        _writer.Advance(PrefixBytes);
        _writer.Write(_header.WrittenSpan);
        await _writer.FlushAsync(cancellation).ConfigureAwait(false);
        for (var i = 0; i < payloads.Count; i++)
            await stream.WriteAsync(payloads[i].Host(), cancellation).ConfigureAwait(false);
    }

    /// <summary>The next message, or null when the stream has ended between two messages.</summary>
    /// <exception cref="LinkException">What came is no message, or is damaged.</exception>
    public async ValueTask<LinkMessage?> ReadAsync(CancellationToken cancellation)
    {
        var read = await _reader.ReadAtLeastAsync(PrefixBytes, cancellation).ConfigureAwait(false);
        if (read.Buffer.IsEmpty && read.IsCompleted)
            return null;
        var (length, checksum) = Prefix(read.Buffer);
        Heard?.Invoke();
        _reader.AdvanceTo(read.Buffer.GetPosition(PrefixBytes));

        read = await _reader.ReadAtLeastAsync(length, cancellation).ConfigureAwait(false);
        if (read.Buffer.Length < length)
            throw new LinkException("the peer ended the connection within a message");
        var bytes = read.Buffer.Slice(0, length);
        if (ChecksumOf(bytes) != checksum)
            throw new LinkException("a header arrived damaged");
        var (header, specs) = HeaderCodec.Read(bytes, options.MaxPayloadBytes);
        _reader.AdvanceTo(bytes.End);

        var payloads = new HostPayload[specs.Length];
        var made = 0;
        try
        {
            for (; made < specs.Length; made++)
            {
                payloads[made] = new HostPayload(specs[made].Type, specs[made].Shape);
                await FillAsync(payloads[made].Memory, cancellation).ConfigureAwait(false);
                if (XxHash3.HashToUInt64(payloads[made].Memory.Span) != specs[made].Checksum)
                    throw new LinkException("an array arrived damaged");
            }
        }
        catch
        {
            for (var i = 0; i < payloads.Length; i++)
                payloads[i]?.Dispose();
            throw;
        }
        return new LinkMessage(header, payloads);
    }

    // What the pipe has read ahead is copied, at most its buffer; the rest goes straight to where it belongs.
    private async ValueTask FillAsync(Memory<byte> memory, CancellationToken cancellation)
    {
        while (memory.Length > 0 && _reader.TryRead(out var read))
        {
            var part = read.Buffer.Slice(0, Math.Min(read.Buffer.Length, memory.Length));
            part.CopyTo(memory.Span);
            memory = memory[(int)part.Length..];
            _reader.AdvanceTo(part.End);
            if (part.IsEmpty)
                break;
        }
        while (memory.Length > 0)
        {
            var count = await stream.ReadAsync(memory, cancellation).ConfigureAwait(false);
            if (count == 0)
                throw new LinkException("the peer ended the connection within a message");
            Heard?.Invoke();
            memory = memory[count..];
        }
    }

    private void WritePrefix(Span<byte> prefix)
    {
        BinaryPrimitives.WriteUInt32LittleEndian(prefix, Magic);
        BinaryPrimitives.WriteInt32LittleEndian(prefix[4..], _header.WrittenCount);
        BinaryPrimitives.WriteUInt64LittleEndian(prefix[8..], XxHash3.HashToUInt64(_header.WrittenSpan));
    }

    private (int Length, ulong Checksum) Prefix(in ReadOnlySequence<byte> buffer)
    {
        Span<byte> prefix = stackalloc byte[PrefixBytes];
        if (buffer.Length < PrefixBytes)
            throw new LinkException("the peer ended the connection within a message");
        buffer.Slice(0, PrefixBytes).CopyTo(prefix);
        var length = BinaryPrimitives.ReadInt32LittleEndian(prefix[4..]);
        if (BinaryPrimitives.ReadUInt32LittleEndian(prefix) != Magic || length < 1 || length > options.MaxHeaderBytes)
            throw new LinkException("the peer does not speak this protocol");
        return (length, BinaryPrimitives.ReadUInt64LittleEndian(prefix[8..]));
    }

    // Headers may lie in several pieces.
    private ulong ChecksumOf(in ReadOnlySequence<byte> bytes)
    {
        _received.Reset();
        foreach (var part in bytes)
            _received.Append(part.Span);
        return _received.GetCurrentHashAsUInt64();
    }
}
