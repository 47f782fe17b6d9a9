using System.Buffers.Binary;

namespace StreamDiff.Transport.Media.Rtmp;

/// <summary>Sends a server's few messages, each in one chunk of the size announced first.</summary>
internal sealed class RtmpWriter(Stream stream)
{
    private const int ChunkSize = 4096;
    private const byte ControlStream = 2;
    private const byte CommandStream = 3;

    /// <summary>Announces the chunk size and how much may be on its way without an acknowledgement.</summary>
    public async ValueTask BeginAsync(int window, CancellationToken ct)
    {
        var bandwidth = new byte[5];
        BinaryPrimitives.WriteInt32BigEndian(bandwidth, window);
        bandwidth[4] = 2; // dynamic
        await Send(RtmpType.WindowAcknowledgementSize, Number((uint)window), ct).ConfigureAwait(false);
        await Send(RtmpType.SetPeerBandwidth, bandwidth, ct).ConfigureAwait(false);
        await Send(RtmpType.SetChunkSize, Number(ChunkSize), ct).ConfigureAwait(false);
    }

    /// <summary>Says how much has been received.</summary>
    public ValueTask AcknowledgeAsync(long bytes, CancellationToken ct) => Send(RtmpType.Acknowledgement, Number((uint)bytes), ct);

    /// <summary>Says that a stream begins, as clients wait for before they send.</summary>
    public ValueTask StreamBeginsAsync(uint streamId, CancellationToken ct) => Send(RtmpType.UserControl, [0, 0, .. Number(streamId)], ct);

    /// <summary>Sends an answer or a status.</summary>
    public ValueTask CommandAsync(uint streamId, CancellationToken ct, params object?[] values) =>
        Send(RtmpType.Command, Amf0Writer.Write(values), ct, CommandStream, streamId);

    private async ValueTask Send(RtmpType type, byte[] payload, CancellationToken ct, byte chunkStream = ControlStream, uint streamId = 0)
    {
        var message = new byte[12 + payload.Length];
        message[0] = chunkStream;
        (message[4], message[5], message[6]) = ((byte)(payload.Length >> 16), (byte)(payload.Length >> 8), (byte)payload.Length);
        message[7] = (byte)type;
        BinaryPrimitives.WriteUInt32LittleEndian(message.AsSpan(8), streamId);
        payload.CopyTo(message, 12);
        await stream.WriteAsync(message, ct).ConfigureAwait(false);
    }

    private static byte[] Number(uint value)
    {
        var bytes = new byte[4];
        BinaryPrimitives.WriteUInt32BigEndian(bytes, value);
        return bytes;
    }
}
