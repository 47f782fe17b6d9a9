using FFmpeg.AutoGen;
using static FFmpeg.AutoGen.ffmpeg;

namespace StreamDiff.Transport.Media.FFmpeg;

/// <summary>First contact with the FFmpeg libraries.</summary>
internal static class FFmpegLibrary
{
    private const string LogLevelVariable = "STREAMDIFF_FFMPEG_LOG";

    /// <summary>Loads libavutil and keeps FFmpeg off the terminal; cheap to call again.</summary>
    /// <exception cref="MediaException">A library is missing or of another major version.</exception>
    public static void Initialize()
    {
        try
        {
            av_log_set_level(LogLevel());
            _ = avformat_version();
        }
        catch (Exception error) when (error is DllNotFoundException or NotSupportedException)
        {
            throw new MediaException(error.Message, error);
        }
    }

    // What matters reaches the user as a MediaException or a warning; the libraries' own lines are for developers.
    private static int LogLevel() => Environment.GetEnvironmentVariable(LogLevelVariable) switch
    {
        "error" => AV_LOG_ERROR,
        "warning" => AV_LOG_WARNING,
        "info" => AV_LOG_INFO,
        "debug" => AV_LOG_DEBUG,
        _ => AV_LOG_QUIET,
    };
}
