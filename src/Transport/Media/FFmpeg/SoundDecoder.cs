using FFmpeg.AutoGen;
using static FFmpeg.AutoGen.ffmpeg;

namespace StreamDiff.Transport.Media.FFmpeg;

/// <summary>Decodes sound packets; damaged ones are left out.</summary>
internal sealed unsafe class SoundDecoder : IDisposable
{
    private AVCodecContext* _context;
    private AVPacket* _packet = av_packet_alloc();

    /// <exception cref="MediaException">No decoder exists, or it refuses the stream.</exception>
    public SoundDecoder(AudioStreamInfo audio)
    {
        var codec = avcodec_find_decoder(audio.Parameters->codec_id);
        if (codec is null)
        {
            Dispose();
            throw new MediaException(
                $"The sound is coded as {audio.Codec}, for which this FFmpeg has no decoder: use a container that can hold it, such as "
                    + ".mkv.");
        }

        _context = avcodec_alloc_context3(codec);
        var result = avcodec_parameters_to_context(_context, audio.Parameters);
        // With it the decoder knows how many samples of the start are not to be heard.
        _context->pkt_timebase = audio.TimeBase.ToNative();
        result = result < 0 ? result : avcodec_open2(_context, codec, null);
        if (result < 0)
        {
            Dispose();
            throw new MediaException($"The sound ({audio.Codec}) cannot be decoded: {FFmpegError.Describe(result)}.");
        }
    }

    /// <summary>Hands in a packet, null to say that there are no more.</summary>
    public void Send(AudioPacket? packet)
    {
        if (packet is null)
        {
            _ = avcodec_send_packet(_context, null);
            return;
        }

        packet.CopyTo(_packet);
        _ = avcodec_send_packet(_context, _packet);
        av_packet_unref(_packet);
    }

    /// <summary>Takes out decoded sound; false when a packet is needed.</summary>
    public bool TryReceive(AVFrame* sound)
    {
        int result;
        do
        {
            result = avcodec_receive_frame(_context, sound);
        }
        while (result < 0 && !FFmpegError.IsPause(result));
        sound->pts = sound->best_effort_timestamp;
        return result >= 0;
    }

    public void Dispose()
    {
        NativeObject.Free(ref _packet);
        NativeObject.Free(ref _context);
    }
}
