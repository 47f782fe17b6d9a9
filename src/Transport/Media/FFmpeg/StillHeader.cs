using System.Buffers.Binary;

namespace StreamDiff.Transport.Media.FFmpeg;

/// <summary>
/// What the first bytes of a still tell of it where FFmpeg has nothing to say but that it cannot be decoded: animated WebP, which it does
/// not know, and sides beyond what it takes.
/// </summary>
internal static class StillHeader
{
    private const int MostBytes = 64;

    /// <summary>Why the still cannot be used, as the end of a sentence; null where its first bytes do not tell.</summary>
    public static string? Problem(string path)
    {
        try
        {
            // A pipe cannot be read again.
            if (Files.FileStatus.Of(path, out _) is not { IsRegular: true })
            {
                return null;
            }

            using var file = File.OpenRead(path);
            var bytes = new byte[MostBytes];
            return Problem(bytes.AsSpan(0, file.ReadAtLeast(bytes, bytes.Length, throwOnEndOfStream: false)));
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            return null;
        }
    }

    /// <summary>The same of its first bytes.</summary>
    internal static string? Problem(ReadOnlySpan<byte> bytes)
    {
        const byte Animated = 2;
        if (IsWebP(bytes) && bytes[12..].StartsWith("VP8X"u8) && bytes.Length > 20 && (bytes[20] & Animated) != 0)
        {
            return "is an animated WebP, which FFmpeg cannot decode: convert it to .gif, .png or .mp4.";
        }

        return Size(bytes) is var (width, height) && (width > FrameLimits.MaximumSide || height > FrameLimits.MaximumSide)
            ? FormattableString.Invariant(
                $"has {width}x{height} pixels: each side may have {FrameLimits.MaximumSide} at most; make it smaller.")
            : null;
    }

    private static bool IsWebP(ReadOnlySpan<byte> bytes) =>
        bytes.Length >= 30 && bytes.StartsWith("RIFF"u8) && bytes[8..].StartsWith("WEBP"u8);

    private static (long Width, long Height)? Size(ReadOnlySpan<byte> bytes)
    {
        if (bytes.Length >= 24 && bytes is [0x89, (byte)'P', (byte)'N', (byte)'G', ..])
        {
            return (BinaryPrimitives.ReadUInt32BigEndian(bytes[16..]), BinaryPrimitives.ReadUInt32BigEndian(bytes[20..]));
        }

        if (bytes.Length >= 26 && bytes.StartsWith("BM"u8))
        {
            return (BinaryPrimitives.ReadInt32LittleEndian(bytes[18..]),
                Math.Abs((long)BinaryPrimitives.ReadInt32LittleEndian(bytes[22..])));
        }

        if (bytes.Length >= 10 && bytes.StartsWith("GIF8"u8))
        {
            return (BinaryPrimitives.ReadUInt16LittleEndian(bytes[6..]), BinaryPrimitives.ReadUInt16LittleEndian(bytes[8..]));
        }

        return IsWebP(bytes) && bytes[12..].StartsWith("VP8X"u8)
            ? (1 + UInt24(bytes[24..]), 1 + UInt24(bytes[27..]))
            : null;
    }

    private static long UInt24(ReadOnlySpan<byte> bytes) => bytes[0] | (bytes[1] << 8) | (bytes[2] << 16);
}
