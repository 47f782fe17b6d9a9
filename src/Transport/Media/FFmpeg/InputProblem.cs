using System.Runtime.InteropServices;
using FFmpeg.AutoGen;
using StreamDiff.Transport.Media.Live;
using static FFmpeg.AutoGen.ffmpeg;

namespace StreamDiff.Transport.Media.FFmpeg;

/// <summary>Says in one line why an input cannot be used.</summary>
internal static unsafe class InputProblem
{
    private const int ProbeBytes = 1 << 16;
    private const int ProbePadding = 32;
    private const int WeakScore = 25;

    /// <summary>True for a plain path, false for anything with a protocol.</summary>
    public static bool IsLocalFile(string input) => !input.Contains("://", StringComparison.Ordinal) && !input.StartsWith("pipe:", StringComparison.Ordinal);

    /// <summary>Throws for what can be seen without FFmpeg: a missing, empty or unreadable file, or a directory.</summary>
    public static void ThrowIfUnreadable(string path)
    {
        if (Directory.Exists(path))
        {
            throw new MediaException($"Input '{path}' is a directory: name a video file in it.");
        }

        var file = new FileInfo(path);
        if (!file.Exists)
        {
            throw new MediaException($"Input '{path}' does not exist: check the name.");
        }

        try
        {
            using var stream = file.Open(FileMode.Open, FileAccess.Read, FileShare.ReadWrite);
            if (stream.CanSeek && stream.Length == 0)
            {
                throw new MediaException($"Input '{path}' is empty (0 bytes): the copy or download that made it did not finish.");
            }
        }
        catch (Exception error) when (error is UnauthorizedAccessException or IOException)
        {
            throw new MediaException($"Input '{path}' cannot be read: {error.Message.TrimEnd('.')}; check its permissions.", error);
        }
    }

    /// <summary>The exception for an input that FFmpeg refused to open.</summary>
    public static MediaException Refused(string input, int code)
    {
        if ((code != AVERROR_INVALIDDATA && code != AVERROR_EOF) || !IsLocalFile(input))
        {
            return new MediaException($"Input '{input}' cannot be opened: {FFmpegError.Describe(code)}.");
        }

        return FormatName(input) is { } format
            ? new MediaException($"Input '{input}' is truncated or damaged: it begins like {format} but its index or header is missing; copy or record it again.")
            : NotVideo(input);
    }

    /// <summary>The exception for a live input that is not there, or not now.</summary>
    public static MediaException Unavailable(string input, int code, bool isLate) =>
        new($"Input '{Shown(input)}' cannot be opened: {(isLate ? "nothing was received in time" : FFmpegError.Describe(code))}.");

    /// <summary>The exception for a live input that was joined between two key frames.</summary>
    public static MediaException NoPictureYet(string input) => new($"Input '{Shown(input)}' has sent no whole picture yet: its next key frame is waited for.") { IsBetweenKeyFrames = true };

    /// <summary>An input's name without its secrets.</summary>
    public static string Shown(string input) => MediaAddress.Parse(input).Shown;

    /// <summary>The exception for a file that is something else altogether.</summary>
    public static MediaException NotVideo(string input) => new($"Input '{input}' is not a video: FFmpeg does not recognise its contents.");

    private static string? FormatName(string path)
    {
        var buffer = (byte*)NativeMemory.AllocZeroed(ProbeBytes + ProbePadding);
        try
        {
            using var stream = File.OpenRead(path);
            var probe = new AVProbeData { buf = buffer, buf_size = stream.ReadAtLeast(new Span<byte>(buffer, ProbeBytes), ProbeBytes, throwOnEndOfStream: false) };
            int score;
            var format = av_probe_input_format3(&probe, 1, &score);
            return format is null || score < WeakScore || IsTextArt(format) ? null : Marshal.PtrToStringUTF8((nint)format->long_name);
        }
        finally
        {
            NativeMemory.Free(buffer);
        }
    }

    /// <summary>FFmpeg draws text files as pictures; nobody who names one means that.</summary>
    public static bool IsTextArt(AVInputFormat* format) =>
        Marshal.PtrToStringUTF8((nint)format->name) is "tty" or "bin" or "xbin" or "adf" or "idf";
}
