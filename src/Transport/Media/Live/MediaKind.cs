namespace StreamDiff.Transport.Media.Live;

/// <summary>What an input or output address names.</summary>
public enum MediaKind
{
    /// <summary>A file on a disk, or a pipe.</summary>
    File,

    /// <summary>A built-in test picture, <c>test:</c>.</summary>
    Test,

    /// <summary>Nothing: <c>null:</c>.</summary>
    Null,

    /// <summary>An RTMP server that is asked, <c>rtmp://</c> or <c>rtmps://</c>.</summary>
    Rtmp,

    /// <summary>A port of this machine to which RTMP is published, <c>rtmp://host:port/app/key?listen=1</c>.</summary>
    RtmpListen,

    /// <summary>SRT, caller or listener, <c>srt://</c>.</summary>
    Srt,

    /// <summary>MPEG-TS over UDP, <c>udp://</c>.</summary>
    Udp,

    /// <summary>A web address: HLS, MPEG-TS or a file.</summary>
    Http,

    /// <summary>A video4linux device, <c>v4l2:/dev/video0</c>: a camera, or a virtual camera to write to.</summary>
    Camera,

    /// <summary>A playlist of HLS and its pieces in a folder, <c>hls:/folder/stream.m3u8</c>; an output only.</summary>
    Hls,

    /// <summary>An X11 screen, <c>screen:</c>.</summary>
    Screen,

    /// <summary>A browser that sends to a session of the studio, <c>browser:</c>; what follows is the session's name.</summary>
    Browser,

    /// <summary>
    /// A publisher's packets as the front of a fleet has received them, <c>relay://host:port/name</c>; an input only, given by the fleet.
    /// </summary>
    Relay,

    /// <summary>Players of a playlist that this process serves; no address that can be written.</summary>
    Players,

    /// <summary>Any other protocol that FFmpeg knows, such as <c>rtsp://</c>.</summary>
    Other,
}
