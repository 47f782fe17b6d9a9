using System.Globalization;
using FFmpeg.AutoGen;
using StreamDiff.Transport.Media.FFmpeg;
using StreamDiff.Transport.Media.Live;
using static FFmpeg.AutoGen.ffmpeg;

namespace StreamDiff.Transport.Media.Browser;

/// <summary>
/// An output that encodes once, to H.264 without B-frames and Opus, for all viewers of a relay. Without viewers nothing is encoded.
/// </summary>
internal sealed unsafe class RelaySink : ILiveSink, IPacketTarget
{
    private const int SoundBitRate = 96_000;
    // Whoever comes asks for a key frame: regular ones only end the damage that a lost one would do.
    private const double KeyFrameSeconds = 10;

    private static readonly Rational Microseconds = new(1, 1_000_000);

    private readonly PacketRelay _relay;
    private readonly LiveSinkOptions _options;
    private AVFormatContext* _streams = avformat_alloc_context();
    private readonly FrameEncoder _frames = null!;
    private readonly bool _hasSound;
    private LiveSound? _sound;
    private long? _first;
    private long _begin;
    private long _soundBegin;

    /// <exception cref="MediaException">This FFmpeg has no encoder for H.264, or it refuses the size.</exception>
    public RelaySink(LiveSinkOptions options, PacketRelay relay)
    {
        (_options, _relay) = (options, relay);
        try
        {
            var video = new VideoStreamInfo(options.Width, options.Height, options.FrameRate, options.FrameRate.Inverse);
            var live = new LiveEncoding(
                options.VideoBitRate ?? LiveEncoding.DefaultBitRate(options.Width, options.Height, options.FrameRate.ToDouble()),
                KeyFrameSeconds);
            // Browsers decode H.264 everywhere, whatever other outputs are asked to have.
            _frames = new FrameEncoder(
                this, new FileSinkOptions { Output = options.Output, Live = live, Preset = options.Preset, VideoCodec = "libx264" }, video);
            _hasSound = options.HasSound && Opus is not null;
            relay.Begin(new StreamFormat(
                CodecString(), _frames.Size.Width, _frames.Size.Height, options.FrameRate.ToDouble(),
                _hasSound ? new SoundFormat("opus", SoundBlock.Rate, SoundBlock.Channels) : null));
        }
        catch
        {
            Dispose();
            throw;
        }
    }

    public AVOutputFormat* Format => av_guess_format("matroska", null, null);

    // Each key frame tells all that a decoder needs: viewers come at any time.
    public bool WantsGlobalHeaders => false;

    private static AVCodec* Opus => avcodec_find_encoder_by_name("libopus");

    public AVStream* AddStream(AVCodecContext* encoder)
    {
        // Sound begins again whenever viewers come.
        if (encoder->codec_type == AVMediaType.AVMEDIA_TYPE_AUDIO && _streams->nb_streams > 1)
        {
            return _streams->streams[1];
        }

        var stream = avformat_new_stream(_streams, null);
        FFmpegError.ThrowIfFailed(avcodec_parameters_from_context(stream->codecpar, encoder), "output stream");
        stream->time_base = encoder->time_base;
        return stream;
    }

    public void Write(AVPacket* packet)
    {
        var stream = _streams->streams[packet->stream_index];
        var timeBase = stream->time_base.ToRational();
        var isSound = stream->codecpar->codec_type == AVMediaType.AVMEDIA_TYPE_AUDIO;
        var kind = isSound ? PacketKind.Sound : (packet->flags & AV_PKT_FLAG_KEY) != 0 ? PacketKind.Key : PacketKind.Delta;
        var begin = isSound ? new Rational(1, SoundBlock.Rate).Rescale(_soundBegin, Microseconds) : _begin;
        // Opus begins a little before zero.
        var time = Math.Max(0, begin + timeBase.Rescale(packet->pts, Microseconds));
        var duration = (uint)Math.Max(0, timeBase.Rescale(packet->duration, Microseconds));
        _relay.Send(EncodedPacket.Of(kind, time, duration, new ReadOnlySpan<byte>(packet->data, packet->size)));
        av_packet_unref(packet);
    }

    public void Write(VideoFrame frame, long number)
    {
        if (_first is null)
        {
            // Times are those of the run's output, so that what goes in and what comes out can be compared.
            (_first, _begin) = (number, _options.FrameRate.Inverse.Rescale(number, Microseconds));
        }

        if (_relay.Viewers > 0)
        {
            _frames.Write(frame, number - _first.Value, 1, _relay.TakesKey());
        }
    }

    public void Write(SoundBlock block)
    {
        if (!_hasSound || _first is null)
        {
            return;
        }

        if (_relay.Viewers == 0)
        {
            // Whatever follows would begin with the silence in between.
            _sound?.Dispose();
            _sound = null;
            return;
        }

        if (_sound is null)
        {
            (_sound, _soundBegin) = (new LiveSound(this, Opus, SoundBitRate), block.Position);
        }

        _sound.Write(block, _soundBegin);
    }

    public void Complete()
    {
        // There is no file to be finished: what an encoder without delay still holds is nothing.
    }

    public void Dispose()
    {
        _sound?.Dispose();
        _frames?.Dispose();
        var streams = _streams;
        _streams = null;
        avformat_free_context(streams);
    }

    // Constrained baseline tools, whatever x264 calls its profile, and a level for the size: browsers look no further.
    private string CodecString()
    {
        var codec = _streams->streams[0]->codecpar;
        var (profile, constraints) = codec->profile is FF_PROFILE_H264_HIGH ? (0x64, 0)
            : codec->profile == FF_PROFILE_H264_MAIN ? (0x4D, 0) : (0x42, 0xE0);
        var level = codec->level > 0 ? codec->level : 40;
        return string.Create(CultureInfo.InvariantCulture, $"avc1.{profile:X2}{constraints:X2}{level:X2}");
    }
}
