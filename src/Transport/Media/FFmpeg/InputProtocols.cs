using FFmpeg.AutoGen;

namespace StreamDiff.Transport.Media.FFmpeg;

/// <summary>What this FFmpeg can read over a network.</summary>
internal static unsafe class InputProtocols
{
    /// <summary>True where a protocol or a demuxer (<c>rtsp</c>) goes by the scheme of <paramref name="url"/>.</summary>
    /// <exception cref="MediaException">FFmpeg cannot be used.</exception>
    public static bool Knows(string url)
    {
        FFmpegLibrary.Initialize();
        return ffmpeg.avio_find_protocol_name(url) is not null
            || ffmpeg.av_find_input_format(url[..url.IndexOf(':', StringComparison.Ordinal)]) != null;
    }
}
