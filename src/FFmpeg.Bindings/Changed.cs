using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace FFmpeg.AutoGen;

// What vanished from FFmpeg and is used all the same, under its old name: each says what newer versions have in its place.
public static unsafe partial class ffmpeg
{
    /// <summary>Side data of a stream's header. Gone in libavformat 62: it lies with the codec's parameters.</summary>
    public static byte* av_stream_get_side_data(AVStream* stream, AVPacketSideDataType type, ulong* size)
    {
        if (LibraryVersionMap["avformat"] < 62)
        {
            return av_stream_get_side_data_59(stream, type, size);
        }

        var parameters = stream->codecpar;
        var data = *(AVPacketSideData**)Layouts.At(ref *parameters, Member.AVCodecParameters_coded_side_data);
        var count = *(int*)Layouts.At(ref *parameters, Member.AVCodecParameters_nb_coded_side_data);
        for (var i = 0; i < count; i++)
        {
            if (data[i].type == type)
            {
                *size = data[i].size;
                return data[i].data;
            }
        }

        return null;
    }

    /// <summary>
    /// The parser of a codec, null where there is none. Its number became an enum in libavcodec 62, which calls the same.
    /// </summary>
    public static AVCodecParserContext* av_parser_init(int codec_id) => av_parser_init_any(codec_id);

    [DllImport("avcodec", EntryPoint = "av_parser_init", CallingConvention = CallingConvention.Cdecl)]
    private static extern AVCodecParserContext* av_parser_init_any(int codec_id);

    [DllImport("avformat", EntryPoint = "av_stream_get_side_data", CallingConvention = CallingConvention.Cdecl)]
    private static extern byte* av_stream_get_side_data_59(AVStream* stream, AVPacketSideDataType type, ulong* size);

    [DllImport("avcodec", CallingConvention = CallingConvention.Cdecl)]
    internal static extern int avcodec_get_supported_config(
        AVCodecContext* context, AVCodec* codec, int config, uint flags, void** configs, int* count);
}

public unsafe partial struct AVFrame
{
    // AV_FRAME_FLAG_INTERLACED of libavutil/frame.h, since libavutil 58.
    private const int InterlacedFlag = 1 << 3;
    // offsetof(AVFrame, interlaced_frame) in libavutil 57, checked against its header by a test.
    public const int InterlacedOffset57 = 188;

    /// <summary>True for two half pictures of different times. A field in libavutil 57, a flag since.</summary>
    public bool is_interlaced => ffmpeg.LibraryVersionMap["avutil"] < 58
        ? *(int*)((byte*)Unsafe.AsPointer(ref this) + InterlacedOffset57) != 0
        : (flags & InterlacedFlag) != 0;
}

/// <summary>
/// What an encoder takes. Fields up to libavcodec 62, since then a call; lists end with -1, that of rates with 0; null is anything.
/// </summary>
public unsafe partial struct AVCodec
{
    // enum AVCodecConfig of libavcodec/avcodec.h.
    private const int PixelFormats = 0;
    private const int SampleRates = 2;
    private const int SampleFormats = 3;

    public AVPixelFormat* pix_fmts => (AVPixelFormat*)Supported(Member.AVCodec_pix_fmts, PixelFormats);

    public int* supported_samplerates => (int*)Supported(Member.AVCodec_supported_samplerates, SampleRates);

    public AVSampleFormat* sample_fmts => (AVSampleFormat*)Supported(Member.AVCodec_sample_fmts, SampleFormats);

    private void* Supported(Member field, int config)
    {
        if (Layouts.Has(field))
        {
            return *(void**)Layouts.At(ref this, field);
        }

        void* list = null;
        return ffmpeg.avcodec_get_supported_config(null, (AVCodec*)Unsafe.AsPointer(ref this), config, 0, &list, null) < 0 ? null : list;
    }
}
