using FFmpeg.AutoGen;
using static FFmpeg.AutoGen.ffmpeg;

namespace StreamDiff.Transport.Media.FFmpeg;

/// <summary>Decodes one picture stream; damaged packets are counted and left out.</summary>
internal sealed unsafe class FrameDecoder : IDisposable
{
    private AVCodecContext* _context;
    private AVFrame* _downloaded;

    /// <exception cref="MediaException">No decoder exists, or it refuses the stream.</exception>
    public FrameDecoder(AVStream* stream, int threads, string input, bool lowDelay = false)
    {
        var codec = avcodec_find_decoder(stream->codecpar->codec_id);
        var name = avcodec_get_name(stream->codecpar->codec_id);
        if (codec is null)
        {
            throw new MediaException(
                $"Input '{input}' is coded as {name}, for which this FFmpeg has no decoder: convert it to H.264 first.");
        }

        _context = avcodec_alloc_context3(codec);
        FFmpegError.ThrowIfFailed(avcodec_parameters_to_context(_context, stream->codecpar), "decoder parameters");
        _context->pkt_timebase = stream->time_base;
        _context->thread_count = threads;
        if (lowDelay)
        {
            // Frame threads would each hold a picture back.
            _context->thread_type = FF_THREAD_SLICE;
            _context->flags |= KeepsOrder(stream->codecpar->codec_id) ? AV_CODEC_FLAG_LOW_DELAY : 0;
            // The context takes the reference over, and falls back to the CPU by itself where the device refuses the stream.
            _context->hw_device_ctx = HardwareDevice.Open(codec);
        }

        var result = avcodec_open2(_context, codec, null);
        if (result < 0)
        {
            Dispose();
            throw new MediaException($"Input '{input}' is coded as {name}, which cannot be decoded: {FFmpegError.Describe(result)}.");
        }
    }

    /// <summary>Pictures decoded so far.</summary>
    public long Decoded { get; private set; }

    /// <summary>Packets refused and pictures damaged so far.</summary>
    public long Corrupt { get; private set; }

    /// <summary>Hands in a packet, null to say that there are no more; only after <see cref="TryReceive"/> said false.</summary>
    public void Send(AVPacket* packet)
    {
        var result = avcodec_send_packet(_context, packet);
        if (result < 0 && result != AVERROR_EOF)
        {
            Corrupt++;
        }
    }

    /// <summary>Forgets everything: what follows is from another place of the stream.</summary>
    public void Flush() => avcodec_flush_buffers(_context);

    /// <summary>Takes out the next picture; false when a packet is needed or, after the last packet, at the end.</summary>
    public bool TryReceive(AVFrame* frame)
    {
        while (true)
        {
            var result = avcodec_receive_frame(_context, frame);
            if (FFmpegError.IsPause(result))
            {
                return false;
            }

            if (result >= 0 && frame->hw_frames_ctx is not null)
            {
                result = Download(frame);
            }

            if (result >= 0)
            {
                Decoded++;
                Corrupt += frame->decode_error_flags != 0 || (frame->flags & AV_FRAME_FLAG_CORRUPT) != 0 ? 1 : 0;
                return true;
            }

            Corrupt++;
            if (result == AVERROR(ENOMEM))
            {
                FFmpegError.ThrowIfFailed(result, "decoding");
            }
        }
    }

    public void Dispose()
    {
        NativeObject.Free(ref _context);
        NativeObject.Free(ref _downloaded);
    }

    // These take the flag for a promise that nothing is reordered, and give pictures as they come; without it they look for themselves.
    private static bool KeepsOrder(AVCodecID codec) =>
        codec is not (AVCodecID.AV_CODEC_ID_MPEG1VIDEO or AVCodecID.AV_CODEC_ID_MPEG2VIDEO or AVCodecID.AV_CODEC_ID_MPEG4
            or AVCodecID.AV_CODEC_ID_H263 or AVCodecID.AV_CODEC_ID_FLV1 or AVCodecID.AV_CODEC_ID_VC1 or AVCodecID.AV_CODEC_ID_WMV3);

    // From the device's memory to ours; time stamps and colour come along.
    private int Download(AVFrame* frame)
    {
        _downloaded = _downloaded is null ? av_frame_alloc() : _downloaded;
        var result = av_hwframe_transfer_data(_downloaded, frame, 0);
        if (result >= 0)
        {
            result = av_frame_copy_props(_downloaded, frame);
        }

        av_frame_unref(frame);
        if (result >= 0)
        {
            av_frame_move_ref(frame, _downloaded);
        }
        else
        {
            av_frame_unref(_downloaded);
        }

        return result;
    }
}
