namespace StreamDiff.Transport.Media.Rtmp;

/// <summary>A peer that does not speak RTMP, or not as it must; the connection is closed.</summary>
internal sealed class RtmpException(string message) : IOException(message);
