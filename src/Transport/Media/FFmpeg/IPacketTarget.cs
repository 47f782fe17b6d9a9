using FFmpeg.AutoGen;

namespace StreamDiff.Transport.Media.FFmpeg;

/// <summary>Takes what encoders make: a container, or somebody who takes packets as they are.</summary>
internal unsafe interface IPacketTarget
{
    /// <summary>The container's properties; where there is none, those of one that holds the same codecs.</summary>
    AVOutputFormat* Format { get; }

    /// <summary>True when encoders must put their headers beside the packets, not into them.</summary>
    bool WantsGlobalHeaders { get; }

    /// <summary>Adds a stream that the encoder describes.</summary>
    AVStream* AddStream(AVCodecContext* encoder);

    /// <summary>Takes a packet and leaves it empty.</summary>
    /// <exception cref="MediaException">It cannot be written.</exception>
    void Write(AVPacket* packet);
}
