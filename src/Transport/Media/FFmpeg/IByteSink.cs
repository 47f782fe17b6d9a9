namespace StreamDiff.Transport.Media.FFmpeg;

/// <summary>Takes bytes that no protocol of FFmpeg's carries.</summary>
internal interface IByteSink : IDisposable
{
    /// <summary>Most bytes of one datagram.</summary>
    int DatagramSize { get; }

    /// <summary>How the connection is doing; null where that is not known.</summary>
    LinkStatistics? Statistics { get; }

    /// <summary>Sends one datagram; false where the other side has gone.</summary>
    bool Write(ReadOnlySpan<byte> datagram);
}
