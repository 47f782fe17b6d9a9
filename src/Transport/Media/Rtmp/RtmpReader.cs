using System.Buffers.Binary;

namespace StreamDiff.Transport.Media.Rtmp;

/// <summary>Puts chunks together to messages (RTMP 1.0, section 5.3). Never trusts a length: everything is bounded.</summary>
internal sealed class RtmpReader(Stream stream)
{
    private const int LargestMessage = 16 << 20;
    private const int MostStreams = 64;
    private const uint ExtendedTimestamp = 0xffffff;

    private readonly Dictionary<int, ChunkStream> _streams = [];
    private readonly byte[] _header = new byte[11];
    private int _chunkSize = 128;

    /// <summary>Bytes read so far.</summary>
    public long Received { get; private set; }

    /// <summary>The next message that is not about the chunk stream itself.</summary>
    /// <exception cref="RtmpException">The bytes are no RTMP.</exception>
    /// <exception cref="EndOfStreamException">The peer left.</exception>
    public async ValueTask<RtmpMessage> ReadAsync(CancellationToken ct)
    {
        while (true)
        {
            if (await ReadChunk(ct).ConfigureAwait(false) is not { } message)
            {
                continue;
            }

            switch (message.Type)
            {
                case RtmpType.SetChunkSize:
                    SetChunkSize(message.Payload);
                    break;
                case RtmpType.Abort:
                    Abort(message.Payload);
                    break;
                default:
                    return message;
            }
        }
    }

    private async ValueTask<RtmpMessage?> ReadChunk(CancellationToken ct)
    {
        var first = (await Fill(1, ct).ConfigureAwait(false))[0];
        var id = first & 0x3f;
        if (id == 0)
        {
            id = (await Fill(1, ct).ConfigureAwait(false))[0] + 64;
        }
        else if (id == 1)
        {
            var bytes = await Fill(2, ct).ConfigureAwait(false);
            id = bytes[0] + (bytes[1] << 8) + 64;
        }

        if (!_streams.TryGetValue(id, out var chunks))
        {
            if (_streams.Count == MostStreams || first >> 6 != 0)
            {
                throw new RtmpException("a chunk continues nothing");
            }

            _streams[id] = chunks = new ChunkStream();
        }

        await ReadHeader(chunks, first >> 6, ct).ConfigureAwait(false);
        return await ReadPayload(chunks, ct).ConfigureAwait(false);
    }

    // The shorter the header, the more is as in the message before.
    private async ValueTask ReadHeader(ChunkStream chunks, int format, CancellationToken ct)
    {
        if (chunks.Filled > 0 && format != 3)
        {
            // A new message before the old one was complete.
            chunks.Filled = 0;
        }

        if (format < 3)
        {
            var header = await Fill(format switch { 0 => 11, 1 => 7, _ => 3 }, ct).ConfigureAwait(false);
            chunks.Field = UInt24(header);
            if (format < 2)
            {
                chunks.Length = (int)UInt24(header.AsSpan(3));
                chunks.Type = (RtmpType)header[6];
            }

            if (format == 0)
            {
                chunks.StreamId = BinaryPrimitives.ReadUInt32LittleEndian(header.AsSpan(7));
            }

            if (chunks.Length > LargestMessage)
            {
                throw new RtmpException($"a message of {chunks.Length} bytes");
            }
        }

        var time = chunks.Field;
        if (time == ExtendedTimestamp)
        {
            time = BinaryPrimitives.ReadUInt32BigEndian(await Fill(4, ct).ConfigureAwait(false));
        }

        if (chunks.Filled == 0)
        {
            // Also a whole timestamp is the step for what follows with the shortest header.
            chunks.Delta = format < 3 ? time : chunks.Delta;
            chunks.Timestamp = format == 0 ? time : chunks.Timestamp + chunks.Delta;
        }
    }

    private async ValueTask<RtmpMessage?> ReadPayload(ChunkStream chunks, CancellationToken ct)
    {
        if (chunks.Filled == 0)
        {
            chunks.Payload = [];
        }

        // Grown as bytes arrive: an announced length costs nothing.
        var count = Math.Min(_chunkSize, chunks.Length - chunks.Filled);
        if (chunks.Payload.Length < chunks.Filled + count)
        {
            Array.Resize(
                ref chunks.Payload, Math.Min(chunks.Length, Math.Max(chunks.Filled + Math.Min(count, 1 << 16), 2 * chunks.Payload.Length)));
        }

        while (count > 0)
        {
            if (chunks.Filled == chunks.Payload.Length)
            {
                Array.Resize(ref chunks.Payload, Math.Min(chunks.Length, 2 * chunks.Payload.Length));
            }

            var part = Math.Min(count, chunks.Payload.Length - chunks.Filled);
            await stream.ReadExactlyAsync(chunks.Payload.AsMemory(chunks.Filled, part), ct).ConfigureAwait(false);
            Received += part;
            chunks.Filled += part;
            count -= part;
        }

        if (chunks.Filled < chunks.Length)
        {
            return null;
        }

        var message = new RtmpMessage(chunks.Type, chunks.StreamId, chunks.Timestamp, chunks.Payload);
        chunks.Filled = 0;
        return message;
    }

    private void SetChunkSize(byte[] payload)
    {
        var size = payload.Length < 4 ? 0 : BinaryPrimitives.ReadInt32BigEndian(payload);
        if (size is < 1 or > LargestMessage)
        {
            throw new RtmpException($"a chunk size of {size}");
        }

        _chunkSize = size;
    }

    private void Abort(byte[] payload)
    {
        if (payload.Length >= 4 && _streams.TryGetValue(BinaryPrimitives.ReadInt32BigEndian(payload), out var chunks))
        {
            chunks.Filled = 0;
        }
    }

    private async ValueTask<byte[]> Fill(int count, CancellationToken ct)
    {
        await stream.ReadExactlyAsync(_header.AsMemory(0, count), ct).ConfigureAwait(false);
        Received += count;
        return _header;
    }

    private static uint UInt24(ReadOnlySpan<byte> bytes) => (uint)((bytes[0] << 16) | (bytes[1] << 8) | bytes[2]);

    private sealed class ChunkStream
    {
        public byte[] Payload = [];
        public int Filled;
        public int Length;
        public uint Field;
        public uint Delta;
        public uint Timestamp;
        public uint StreamId;
        public RtmpType Type;
    }
}
