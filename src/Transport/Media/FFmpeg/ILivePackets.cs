using FFmpeg.AutoGen;

namespace StreamDiff.Transport.Media.FFmpeg;

/// <summary>Packets of a live input, of tracks that come and go.</summary>
internal unsafe interface ILivePackets : IDisposable
{
    /// <summary>True where a track of the same number has taken the place of the one before (FLV, RTMP).</summary>
    bool AreTracksReplaced { get; }

    /// <summary>True where packets are as the container has them: nobody has looked where frames begin and end.</summary>
    bool IsUnparsed { get; }

    /// <summary>True when a read ended because nothing came for the stall time.</summary>
    bool HasStalled { get; }

    /// <summary>The best track of a kind that is known now, null where there is none.</summary>
    AVStream* Best(AVMediaType kind);

    /// <summary>The track that a packet is of.</summary>
    AVStream* StreamOf(AVPacket* packet);

    /// <summary>Frames a second, as far as it is known; 25 when nothing is.</summary>
    Rational FrameRate(AVStream* video);

    /// <summary>Shape of a pixel, from container and codec.</summary>
    AVRational PixelAspect(AVStream* video, AVFrame* frame);

    /// <summary>Reads a packet; the result is FFmpeg's.</summary>
    int Read(AVPacket* packet, CancellationToken ct);
}
