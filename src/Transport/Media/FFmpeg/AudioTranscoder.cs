using System.Runtime.InteropServices;
using FFmpeg.AutoGen;
using static FFmpeg.AutoGen.ffmpeg;

namespace StreamDiff.Transport.Media.FFmpeg;

/// <summary>Decodes, resamples and encodes sound for a container that cannot hold it as it is.</summary>
internal sealed unsafe class AudioTranscoder : IDisposable
{
    private const int OpusRate = 48000;
    private const int BitsPerSecond = 160_000;
    private readonly Muxer _muxer;
    private readonly AVStream* _stream;
    private readonly Rational _sourceTimeBase;
    private readonly FilterGraph _filter;
    private AVCodecContext* _decoder;
    private AVCodecContext* _encoder;
    private AVFrame* _frame;
    private AVPacket* _packet;
    private bool _flushed;

    public AudioTranscoder(Muxer muxer, AVStream* stream, AudioStreamInfo audio)
    {
        _muxer = muxer;
        _stream = stream;
        _sourceTimeBase = audio.TimeBase;
        _frame = Av.Allocated(av_frame_alloc());
        _packet = Av.Allocated(av_packet_alloc());
        try
        {
            _decoder = OpenDecoder(audio);
            _encoder = OpenEncoder(audio);
            Av.Check(avcodec_parameters_from_context(stream->codecpar, _encoder), "audio encoder");
            stream->time_base = _encoder->time_base;
            _filter = BuildFilter();
        }
        catch
        {
            Dispose();
            throw;
        }
    }

    public void Write(AVPacket* packet)
    {
        // A damaged packet is silence, not the end.
        if (avcodec_send_packet(_decoder, packet) >= 0)
            Decode();
    }

    public void Flush()
    {
        if (_flushed)
            return;
        _flushed = true;
        _ = avcodec_send_packet(_decoder, null);
        Decode();
        _filter.Push(null);
        Encode();
        Send(null);
    }

    public void Dispose()
    {
        _filter?.Dispose();
        var decoder = _decoder;
        _decoder = null;
        if (decoder != null)
            avcodec_free_context(&decoder);
        var encoder = _encoder;
        _encoder = null;
        if (encoder != null)
            avcodec_free_context(&encoder);
        var frame = _frame;
        _frame = null;
        av_frame_free(&frame);
        var packet = _packet;
        _packet = null;
        av_packet_free(&packet);
    }

    private static AVCodecContext* OpenDecoder(AudioStreamInfo audio)
    {
        var codec = avcodec_find_decoder(audio.Native->codec_id);
        if (codec == null)
            throw new MediaException($"the installed FFmpeg cannot decode the sound ({audio.Codec}): use --no-audio or another container");
        var context = Av.Allocated(avcodec_alloc_context3(codec));
        Av.Check(avcodec_parameters_to_context(context, audio.Native), "audio decoder");
        context->pkt_timebase = Av.ToNative(audio.TimeBase);
        Av.Check(avcodec_open2(context, codec, null), $"cannot decode the sound ({audio.Codec})");
        return context;
    }

    private AVCodecContext* OpenEncoder(AudioStreamInfo audio)
    {
        var wanted = _muxer.DefaultAudioCodec;
        // Opus everywhere it fits: FFmpeg's own Vorbis encoder is experimental.
        var codec = _muxer.Accepts(AVCodecID.AV_CODEC_ID_OPUS) && wanted is AVCodecID.AV_CODEC_ID_VORBIS or AVCodecID.AV_CODEC_ID_OPUS
            ? avcodec_find_encoder_by_name("libopus")
            : avcodec_find_encoder(wanted);
        if (codec == null)
            throw new MediaException($"{_muxer.Container} cannot hold the source's sound ({audio.Codec}) and no encoder fits: use --no-audio or another container");
        var context = Av.Allocated(avcodec_alloc_context3(codec));
        context->sample_rate = codec->id == AVCodecID.AV_CODEC_ID_OPUS ? OpusRate : SupportedRate(codec, audio.SampleRate);
        context->sample_fmt = codec->sample_fmts != null ? codec->sample_fmts[0] : AVSampleFormat.AV_SAMPLE_FMT_FLTP;
        av_channel_layout_default(&context->ch_layout, Math.Min(audio.Native->ch_layout.nb_channels, 2));
        context->time_base = new AVRational { num = 1, den = context->sample_rate };
        context->bit_rate = BitsPerSecond;
        if (_muxer.WantsGlobalHeader)
            context->flags |= AV_CODEC_FLAG_GLOBAL_HEADER;
        var code = avcodec_open2(context, codec, null);
        if (code < 0)
        {
            avcodec_free_context(&context);
            Av.Check(code, "audio encoder");
        }
        return context;
    }

    private static int SupportedRate(AVCodec* codec, int rate)
    {
        if (codec->supported_samplerates == null)
            return rate;
        for (var i = 0; codec->supported_samplerates[i] != 0; i++)
            if (codec->supported_samplerates[i] == rate)
                return rate;
        return codec->supported_samplerates[0];
    }

    private FilterGraph BuildFilter()
    {
        var frameSize = _encoder->frame_size > 0 ? $",asetnsamples=n={_encoder->frame_size}:p=0" : "";
        return FilterGraph.ForAudio(_decoder->sample_rate, av_get_sample_fmt_name(_decoder->sample_fmt), Layout(&_decoder->ch_layout), _sourceTimeBase,
            $"aresample={_encoder->sample_rate}:async=1,aformat=sample_fmts={av_get_sample_fmt_name(_encoder->sample_fmt)}:channel_layouts={Layout(&_encoder->ch_layout)}{frameSize}");
    }

    private static string Layout(AVChannelLayout* layout)
    {
        const int Length = 128;
        if (layout->order == AVChannelOrder.AV_CHANNEL_ORDER_UNSPEC)
            av_channel_layout_default(layout, layout->nb_channels);
        var name = stackalloc byte[Length];
        Av.Check(av_channel_layout_describe(layout, name, Length), "channel layout");
        return Marshal.PtrToStringUTF8((nint)name) ?? "stereo";
    }

    private void Decode()
    {
        while (avcodec_receive_frame(_decoder, _frame) >= 0)
        {
            _frame->pts = _frame->best_effort_timestamp;
            Av.Check(_filter.Push(_frame), "sound");
            av_frame_unref(_frame);
            Encode();
        }
    }

    private void Encode()
    {
        while (_filter.Pull(_frame) >= 0)
        {
            _frame->pts = av_rescale_q(_frame->pts, Av.ToNative(_filter.TimeBase), _encoder->time_base);
            Send(_frame);
            av_frame_unref(_frame);
        }
    }

    private void Send(AVFrame* frame)
    {
        Av.Check(avcodec_send_frame(_encoder, frame), "audio encoder");
        while (avcodec_receive_packet(_encoder, _packet) >= 0)
            _muxer.Write(_packet, _stream, _encoder->time_base);
    }
}
