using System.Globalization;
using FFmpeg.AutoGen;
using static FFmpeg.AutoGen.ffmpeg;

namespace StreamDiff.Transport.Media.FFmpeg;

/// <summary>An opened encoder for sound, and the words that make libavfilter deliver what it takes.</summary>
internal sealed unsafe class SoundEncoder : IDisposable
{
    private const int MostChannels = 2;
    private AVCodecContext* _context;

    /// <exception cref="MediaException">The encoder refuses the settings.</exception>
    public SoundEncoder(AVCodec* codec, int sampleRate, int channels, IPacketTarget file, int bitRate)
    {
        _context = avcodec_alloc_context3(codec);
        _context->sample_rate = SampleRate(codec, sampleRate);
        _context->sample_fmt = SampleFormat(codec);
        _context->bit_rate = bitRate;
        _context->time_base = new AVRational { num = 1, den = _context->sample_rate };
        _context->flags |= file.WantsGlobalHeaders ? AV_CODEC_FLAG_GLOBAL_HEADER : 0;
        av_channel_layout_default(NativeObject.AddressOf(ref _context->ch_layout), Math.Clamp(channels, 1, MostChannels));
        var result = avcodec_open2(_context, codec, null);
        if (result < 0)
        {
            Dispose();
            throw new MediaException(
                $"Sound encoder {EncoderChoice.NameOf(codec)} refuses {sampleRate} Hz, {channels} channels: "
                    + $"{FFmpegError.Describe(result)}.");
        }
    }

    public AVCodecContext* Context => _context;

    /// <summary>Samples a packet, 0 when any number will do.</summary>
    public int FrameSize => (_context->codec->capabilities & AV_CODEC_CAP_VARIABLE_FRAME_SIZE) != 0 ? 0 : _context->frame_size;

    /// <summary>Converts sound to what the encoder takes; gaps are filled with silence so that what follows stays in its place.</summary>
    public string Filters()
    {
        var layout = _context->ch_layout.nb_channels == 1 ? "mono" : "stereo";
        var format = av_get_sample_fmt_name(_context->sample_fmt);
        return string.Create(
            CultureInfo.InvariantCulture,
            $"aresample={_context->sample_rate}:async=1000:min_hard_comp=0.1,"
                + $"aformat=sample_fmts={format}:sample_rates={_context->sample_rate}:channel_layouts={layout}");
    }

    /// <summary>Hands in sound, null to say that there is no more.</summary>
    public void Send(AVFrame* sound) => FFmpegError.ThrowIfFailed(avcodec_send_frame(_context, sound), "sound encoder");

    /// <summary>Takes out a packet; false when sound is needed.</summary>
    public bool TryReceive(AVPacket* packet)
    {
        var result = avcodec_receive_packet(_context, packet);
        return !FFmpegError.IsPause(result) && FFmpegError.ThrowIfFailed(result, "sound encoder") >= 0;
    }

    public void Dispose() => NativeObject.Free(ref _context);

    // The one that live sound is made in, where the encoder takes it.
    private static AVSampleFormat SampleFormat(AVCodec* codec)
    {
        var first = codec->sample_fmts is null ? AVSampleFormat.AV_SAMPLE_FMT_S16 : codec->sample_fmts[0];
        for (var format = codec->sample_fmts; format is not null && *format != AVSampleFormat.AV_SAMPLE_FMT_NONE; format++)
        {
            if (*format == AVSampleFormat.AV_SAMPLE_FMT_FLTP)
            {
                return *format;
            }
        }

        return first;
    }

    private static int SampleRate(AVCodec* codec, int wish)
    {
        var rates = new List<int>();
        for (var rate = codec->supported_samplerates; rate is not null && *rate != 0; rate++)
        {
            rates.Add(*rate);
        }

        return rates.Count == 0 || rates.Contains(wish) ? wish : rates.Order().FirstOrDefault(rate => rate >= wish, rates.Max());
    }
}
