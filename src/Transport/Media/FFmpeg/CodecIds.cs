using FFmpeg.AutoGen;
using static FFmpeg.AutoGen.ffmpeg;

namespace StreamDiff.Transport.Media.FFmpeg;

/// <summary>Codecs whose number is not the same in all versions of FFmpeg: looked up by name.</summary>
internal static unsafe class CodecIds
{
    public static AVCodecID Hevc { get; } = Find("hevc");

    public static AVCodecID Vp9 { get; } = Find("vp9");

    public static AVCodecID Av1 { get; } = Find("av1");

    private static AVCodecID Find(string name) =>
        avcodec_descriptor_get_by_name(name) is var descriptor && descriptor is not null ? descriptor->id : AVCodecID.AV_CODEC_ID_NONE;
}
