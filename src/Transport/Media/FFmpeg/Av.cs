using System.Runtime.InteropServices;
using FFmpeg.AutoGen;
using static FFmpeg.AutoGen.ffmpeg;

namespace StreamDiff.Transport.Media.FFmpeg;

/// <summary>Small helpers around FFmpeg's C interface.</summary>
internal static unsafe class Av
{
    // FFmpeg's own messages would mix with ours; what the user needs comes back as error codes.
    static Av() => av_log_set_level(AV_LOG_QUIET);

    /// <summary>Makes sure that the library is quiet before its first real call.</summary>
    public static void Initialize()
    {
    }

    public static string Message(int code)
    {
        const int Length = 256;
        var buffer = stackalloc byte[Length];
        _ = av_strerror(code, buffer, Length);
        return Marshal.PtrToStringUTF8((nint)buffer) ?? $"error {code}";
    }

    /// <summary>Passes results that are not errors.</summary>
    /// <exception cref="MediaException">The code is an error; the text says what was tried.</exception>
    public static int Check(int code, string what) =>
        code >= 0 ? code : throw new MediaException($"{what}: {Message(code)}");

    public static T* Allocated<T>(T* memory) where T : unmanaged => memory != null ? memory : throw new InsufficientMemoryException("FFmpeg could not allocate memory");

    public static Rational ToRational(AVRational value) => new(value.num, value.den);

    public static AVRational ToNative(Rational value) => new() { num = value.Numerator, den = value.Denominator };
}
