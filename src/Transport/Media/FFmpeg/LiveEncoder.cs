using FFmpeg.AutoGen;
using StreamDiff.Transport.Media.Encoded;
using StreamDiff.Transport.Media.Live;
using static FFmpeg.AutoGen.ffmpeg;

namespace StreamDiff.Transport.Media.FFmpeg;

/// <summary>
/// Encodes pictures of constant rate, or sound, without delay and without knowing who writes them: headers are beside the packets, and each
/// container takes them as it needs them. One thread at a time.
/// </summary>
public sealed unsafe class LiveEncoder : IPacketTarget, IDisposable
{
    private readonly Action<EncodedUnit> _give;
    private readonly PictureStream? _pictures;
    private readonly Rational _timeBase;
    private readonly FrameEncoder? _frames;
    private readonly LiveSound? _sound;
    private readonly ReadOnlyMemory<byte> _headers;
    private AVFormatContext* _streams;
    private long? _first;

    /// <param name="stream">How pictures are encoded.</param>
    /// <param name="give">Takes each packet, in the thread that writes, and disposes it.</param>
    /// <exception cref="MediaException">The encoder does not work here, or refuses the settings.</exception>
    public LiveEncoder(PictureStream stream, Action<EncodedUnit> give)
        : this(give, stream.Video.TimeBase)
    {
        _pictures = stream;
        if (!stream.IsEncoded)
        {
            return;
        }

        try
        {
            _frames = new FrameEncoder(this, stream.Encoding, stream.Video);
            _headers = InBandHeaders(Stream->codecpar);
        }
        catch
        {
            Dispose();
            throw;
        }
    }

    /// <param name="stream">How sound is encoded.</param>
    /// <param name="give">Takes each packet, in the thread that writes, and disposes it.</param>
    /// <exception cref="MediaException">The encoder does not work here, or refuses the settings.</exception>
    public LiveEncoder(SoundStream stream, Action<EncodedUnit> give)
        : this(give, new Rational(1, SoundBlock.Rate))
    {
        try
        {
            _sound = new LiveSound(this, avcodec_find_encoder_by_name(stream.Encoder), stream.BitRate);
        }
        catch
        {
            Dispose();
            throw;
        }
    }

    private LiveEncoder(Action<EncodedUnit> give, Rational timeBase)
    {
        FFmpegLibrary.Initialize();
        (_give, _timeBase) = (give, timeBase);
        _streams = avformat_alloc_context();
    }

    AVOutputFormat* IPacketTarget.Format => av_guess_format(_pictures?.Container, null, null);

    bool IPacketTarget.WantsGlobalHeaders => true;

    private AVStream* Stream => _streams->streams[0];

    /// <summary>What browsers have to know of pictures; of other codecs than H.264 the codec is told by its name.</summary>
    public StreamFormat Format(SoundFormat? sound) => new(
        _pictures is { IsEncoded: true } ? CodecNames.Of(Stream->codecpar) : "none",
        _frames?.Size.Width ?? 0, _frames?.Size.Height ?? 0, _pictures?.Video.FrameRate.ToDouble() ?? 0, sound);

    /// <summary>What containers have to know, the caller's to dispose; null where nothing is encoded.</summary>
    public StreamDescription? Describe() => _frames is null && _sound is null ? null : new StreamDescription(Stream);

    /// <summary>Encodes a picture.</summary>
    /// <param name="frame">The picture, of which nothing is kept.</param>
    /// <param name="number">Its place in the output; each number at most once and in order.</param>
    /// <param name="isKey">True makes it a key frame.</param>
    public void Write(VideoFrame frame, long number, bool isKey)
    {
        var first = _first ??= number;
        if (_frames is not null)
        {
            _frames.Write(frame, number - first, 1, isKey);
            return;
        }

        _give(EncodedUnit.Of(PacketKind.Key, number, _timeBase, default));
    }

    /// <summary>Encodes sound; a gap becomes silence.</summary>
    public void Write(SoundBlock block)
    {
        ArgumentNullException.ThrowIfNull(block);
        _sound!.Write(block, _first ??= block.Position);
    }

    /// <summary>Gives what the encoder still holds; nothing can be written afterwards.</summary>
    public void Finish()
    {
        _frames?.Finish();
        _sound?.Finish();
    }

    /// <summary>Frees the encoder.</summary>
    public void Dispose()
    {
        _sound?.Dispose();
        _frames?.Dispose();
        var streams = _streams;
        _streams = null;
        avformat_free_context(streams);
    }

    AVStream* IPacketTarget.AddStream(AVCodecContext* encoder)
    {
        var stream = avformat_new_stream(_streams, null);
        FFmpegError.ThrowIfFailed(avcodec_parameters_from_context(stream->codecpar, encoder), "output stream");
        (stream->time_base, stream->avg_frame_rate) = (encoder->time_base, encoder->framerate);
        return stream;
    }

    void IPacketTarget.Write(AVPacket* packet)
    {
        av_packet_rescale_ts(packet, Stream->time_base, _timeBase.ToNative());
        var first = _first ?? 0;
        packet->pts += first;
        packet->dts = packet->dts == AV_NOPTS_VALUE ? packet->pts : packet->dts + first;
        var kind = _sound is not null ? PacketKind.Sound
            : (packet->flags & AV_PKT_FLAG_KEY) != 0 ? PacketKind.Key : PacketKind.Delta;
        _give(new EncodedUnit(kind, packet, _timeBase, _headers));
    }

    // Those that a decoder may find in the stream itself: the bytes that an encoder would put there if it were not told to keep them.
    private static byte[] InBandHeaders(AVCodecParameters* codec) =>
        codec->codec_id is AVCodecID.AV_CODEC_ID_H264 or AVCodecID.AV_CODEC_ID_MPEG4 || codec->codec_id == CodecIds.Hevc
            ? new ReadOnlySpan<byte>(codec->extradata, codec->extradata_size).ToArray()
            : [];
}
