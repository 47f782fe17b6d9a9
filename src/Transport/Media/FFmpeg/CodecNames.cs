using FFmpeg.AutoGen;
using static FFmpeg.AutoGen.ffmpeg;

namespace StreamDiff.Transport.Media.FFmpeg;

/// <summary>Codecs in the words of players (RFC 6381).</summary>
internal static unsafe class CodecNames
{
    /// <summary>H.264 and AAC with their profile; of others FFmpeg's name.</summary>
    public static string Of(AVCodecParameters* codec) => codec->codec_id switch
    {
        AVCodecID.AV_CODEC_ID_H264 => OfH264(new ReadOnlySpan<byte>(codec->extradata, codec->extradata_size)),
        // Low complexity, which is all that encoders make of stereo.
        AVCodecID.AV_CODEC_ID_AAC => "mp4a.40.2",
        _ => avcodec_get_name(codec->codec_id),
    };

    // The three bytes after the name of a sequence parameter set: profile, constraints and level (section 3.3).
    private static string OfH264(ReadOnlySpan<byte> headers)
    {
        ReadOnlySpan<byte> start = [0, 0, 1, 0x67];
        return headers.IndexOf(start) is >= 0 and var at && at + start.Length + 3 <= headers.Length
            ? $"avc1.{Convert.ToHexString(headers.Slice(at + start.Length, 3))}"
            // High at level 4, which covers what an encoder can have made that does not tell.
            : "avc1.640028";
    }
}
