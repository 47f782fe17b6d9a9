using System.Runtime.InteropServices;
using FFmpeg.AutoGen;
using static FFmpeg.AutoGen.ffmpeg;

namespace StreamDiff.Transport.Media;

/// <summary>FFmpeg's error codes as text and as exceptions.</summary>
internal static unsafe class FFmpegError
{
    private const int NoSpaceLeft = -28;
    private const int BufferSize = 128;

    /// <summary>FFmpeg's words for a code, such as "No space left on device".</summary>
    public static string Describe(int code)
    {
        if (code == NoSpaceLeft)
        {
            return "the disk is full; free some space";
        }

        var buffer = stackalloc byte[BufferSize];
        _ = av_strerror(code, buffer, BufferSize);
        return Marshal.PtrToStringUTF8((nint)buffer) ?? $"error {code}";
    }

    /// <summary>Hands a result through, or throws one line made of what was being done and FFmpeg's reason.</summary>
    public static int ThrowIfFailed(int result, string what) =>
        result >= 0 ? result : throw new MediaException($"FFmpeg failed ({what}): {Describe(result)}.");

    /// <summary>True for "give me more first" and "end", which are answers, not failures.</summary>
    public static bool IsPause(int result) => result == AVERROR(EAGAIN) || result == AVERROR_EOF;
}
