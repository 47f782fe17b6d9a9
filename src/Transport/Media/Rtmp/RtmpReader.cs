using System.Buffers.Binary;

namespace StreamDiff.Transport.Media.Rtmp;

/// <summary>
/// Puts chunks together to messages (RTMP 1.0, section 5.3). Never trusts a length: everything is bounded, by a few KB until the peer may
/// publish, afterwards by what a few seconds of a high bit rate need, and for all peers of the process together.
/// </summary>
internal sealed class RtmpReader(Stream stream) : IDisposable
{
    // A key frame at 100 Mbit/s is about 2 MB.
    private const int LargestMessage = 8 << 20;
    private const int LargestBefore = 4 << 10;
    private const int MostStreams = 16;
    private const int MostStreamsBefore = 4;

    // All unfinished messages of a peer together, and of all peers of this process.
    private const int MostUnfinished = 12 << 20;
    private const long MostUnfinishedOfAll = 192L << 20;
    private static long _unfinishedOfAll;
    private const uint ExtendedTimestamp = 0xffffff;

    private readonly Dictionary<int, ChunkStream> _streams = [];
    private readonly byte[] _header = new byte[11];
    private int _chunkSize = 128;
    private int _unfinished;

    /// <summary>True once the peer may publish; until then it gets little room. Default false.</summary>
    public bool IsProven { get; set; }

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
            if (_streams.Count >= (IsProven ? MostStreams : MostStreamsBefore) || first >> 6 != 0)
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
            Forget(chunks);
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

            if (chunks.Length > (IsProven ? LargestMessage : LargestBefore))
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
        // Grown as bytes arrive: an announced length costs nothing.
        var count = Math.Min(_chunkSize, chunks.Length - chunks.Filled);
        Grow(chunks, chunks.Filled + Math.Min(count, 1 << 16));
        while (count > 0)
        {
            if (chunks.Filled == chunks.Payload.Length)
            {
                Grow(chunks, chunks.Filled + 1);
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
        Forget(chunks);
        return message;
    }

    private void Grow(ChunkStream chunks, int size)
    {
        if (size <= chunks.Payload.Length)
        {
            return;
        }

        size = Math.Min(chunks.Length, Math.Max(size, 2 * chunks.Payload.Length));
        Count(size - chunks.Payload.Length);
        Array.Resize(ref chunks.Payload, size);
    }

    private void Forget(ChunkStream chunks)
    {
        Count(-chunks.Payload.Length);
        (chunks.Payload, chunks.Filled) = ([], 0);
    }

    private void Count(int bytes)
    {
        _unfinished += bytes;
        var all = Interlocked.Add(ref _unfinishedOfAll, bytes);
        if (bytes > 0 && (_unfinished > MostUnfinished || all > MostUnfinishedOfAll))
        {
            throw new RtmpException("too many unfinished messages");
        }
    }

    /// <summary>Gives back what this peer's unfinished messages count.</summary>
    public void Dispose()
    {
        Count(-_unfinished);
        _streams.Clear();
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
            Forget(chunks);
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
