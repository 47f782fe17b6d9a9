using FFmpeg.AutoGen;
using static FFmpeg.AutoGen.ffmpeg;

namespace StreamDiff.Transport.Media.FFmpeg;

/// <summary>Decodes one stream's packets into frames.</summary>
internal sealed unsafe class VideoDecoder : IDisposable
{
    // One for the packet being decoded and one ahead; more would take cores from the networks.
    private const int Threads = 2;

    private AVCodecContext* _context;

    public VideoDecoder(string path, AVStream* stream)
    {
        var name = avcodec_get_name(stream->codecpar->codec_id);
        var codec = avcodec_find_decoder(stream->codecpar->codec_id);
        if (codec == null)
            throw new MediaException($"{path} is coded as {name}, which the installed FFmpeg cannot decode");
        _context = Av.Allocated(avcodec_alloc_context3(codec));
        try
        {
            Av.Check(avcodec_parameters_to_context(_context, stream->codecpar), path);
            _context->thread_count = Threads;
            _context->pkt_timebase = stream->time_base;
            Av.Check(avcodec_open2(_context, codec, null), $"cannot decode {name} of {path}");
        }
        catch
        {
            Dispose();
            throw;
        }
    }

    /// <summary>Gives a packet, or null for the end.</summary>
    public int Send(AVPacket* packet) => avcodec_send_packet(_context, packet);

    /// <summary>Takes a frame; 0, AVERROR(EAGAIN), AVERROR_EOF or an error.</summary>
    public int Receive(AVFrame* frame) => avcodec_receive_frame(_context, frame);

    public void Dispose()
    {
        var context = _context;
        _context = null;
        if (context != null)
            avcodec_free_context(&context);
    }
}
