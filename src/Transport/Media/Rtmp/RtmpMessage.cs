namespace StreamDiff.Transport.Media.Rtmp;

/// <summary>Kinds of RTMP messages that matter here (RTMP 1.0 specification, section 5.4 and 7.1).</summary>
internal enum RtmpType : byte
{
    SetChunkSize = 1,
    Abort = 2,
    Acknowledgement = 3,
    UserControl = 4,
    WindowAcknowledgementSize = 5,
    SetPeerBandwidth = 6,
    Audio = 8,
    Video = 9,
    CommandAmf3 = 17,
    Data = 18,
    Command = 20,
}

/// <summary>One whole message.</summary>
/// <param name="Type">What it is.</param>
/// <param name="StreamId">The message stream, 0 for the connection itself.</param>
/// <param name="Timestamp">Milliseconds, wrapping at 2^32.</param>
/// <param name="Payload">Its bytes; a copy of its own.</param>
internal readonly record struct RtmpMessage(RtmpType Type, uint StreamId, uint Timestamp, byte[] Payload);
