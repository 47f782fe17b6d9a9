using FFmpeg.AutoGen;
using static FFmpeg.AutoGen.ffmpeg;

namespace StreamDiff.Transport.Media.FFmpeg;

/// <summary>
/// Takes the packets of a transport stream's sound apart to frames that a decoder takes: there a packet may hold several, a part of one, or
/// a header that is the container's (Opus).
/// </summary>
internal sealed unsafe class SoundParser : IDisposable
{
    private AVCodecParserContext* _parser;
    private AVCodecContext* _context;

    /// <param name="parameters">Of the sound.</param>
    public SoundParser(AVCodecParameters* parameters)
    {
        Codec = parameters->codec_id;
        _parser = av_parser_init((int)parameters->codec_id);
        _context = avcodec_alloc_context3(null);
        _ = avcodec_parameters_to_context(_context, parameters);
    }

    /// <summary>What it takes apart; another codec needs another parser.</summary>
    public AVCodecID Codec { get; }

    /// <summary>Takes a packet apart, where anybody can; else it is a frame.</summary>
    /// <param name="packet">Stays the caller's.</param>
    /// <param name="frames">Given the frames that are complete with it, each an AVPacket that the caller frees.</param>
    public void Parse(AVPacket* packet, Queue<nint> frames)
    {
        if (_parser is null)
        {
            frames.Enqueue((nint)av_packet_clone(packet));
            return;
        }

        var (pts, dts) = (packet->pts, packet->dts);
        for (var (data, left) = ((nint)packet->data, packet->size); left > 0;)
        {
            byte* frame;
            int size;
            var used = av_parser_parse2(_parser, _context, &frame, &size, (byte*)data, left, pts, dts, packet->pos);
            if (used < 0 || (used == 0 && size == 0))
            {
                return;
            }

            (data, left) = (data + used, left - used);
            (pts, dts) = (AV_NOPTS_VALUE, AV_NOPTS_VALUE);
            if (size > 0)
            {
                frames.Enqueue((nint)Copy(frame, size));
            }
        }
    }

    public void Dispose()
    {
        if (_parser is not null)
        {
            av_parser_close(_parser);
        }

        _parser = null;
        NativeObject.Free(ref _context);
    }

    private AVPacket* Copy(byte* frame, int size)
    {
        var copy = NativePackets.Of(new ReadOnlySpan<byte>(frame, size));
        (copy->pts, copy->dts) = (_parser->pts, _parser->dts);
        return copy;
    }
}
