using FFmpeg.AutoGen;
using static FFmpeg.AutoGen.ffmpeg;

namespace StreamDiff.Transport.Media.FFmpeg;

/// <summary>How YUV numbers stand for colours.</summary>
/// <param name="Matrix">The SWS_CS_* number of the YUV matrix.</param>
/// <param name="FullRange">True for 0-255, false for 16-235.</param>
internal readonly record struct ColorDescription(int Matrix, bool FullRange)
{
    // Players take untagged pictures larger than PAL for high definition.
    private const int LargestStandardHeight = 576;
    private const int SmallestHighDefinitionWidth = 1280;

    /// <summary>What a decoded picture says of itself, or what players assume when it says nothing.</summary>
    public static unsafe ColorDescription Of(AVFrame* frame)
    {
        var isJpeg = (AVPixelFormat)frame->format is AVPixelFormat.AV_PIX_FMT_YUVJ420P or AVPixelFormat.AV_PIX_FMT_YUVJ422P
            or AVPixelFormat.AV_PIX_FMT_YUVJ444P or AVPixelFormat.AV_PIX_FMT_YUVJ440P or AVPixelFormat.AV_PIX_FMT_YUVJ411P;
        var isLarge = frame->width >= SmallestHighDefinitionWidth || frame->height > LargestStandardHeight;
        var matrix = frame->colorspace switch
        {
            AVColorSpace.AVCOL_SPC_BT709 => SWS_CS_ITU709,
            AVColorSpace.AVCOL_SPC_FCC => SWS_CS_FCC,
            AVColorSpace.AVCOL_SPC_SMPTE240M => SWS_CS_SMPTE240M,
            AVColorSpace.AVCOL_SPC_BT2020_NCL or AVColorSpace.AVCOL_SPC_BT2020_CL => SWS_CS_BT2020,
            AVColorSpace.AVCOL_SPC_BT470BG or AVColorSpace.AVCOL_SPC_SMPTE170M => SWS_CS_ITU601,
            _ => isLarge && !isJpeg ? SWS_CS_ITU709 : SWS_CS_ITU601,
        };
        return new ColorDescription(matrix, isJpeg || frame->color_range == AVColorRange.AVCOL_RANGE_JPEG);
    }
}
