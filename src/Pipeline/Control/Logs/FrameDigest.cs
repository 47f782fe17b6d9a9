using System.Buffers.Binary;
using System.Security.Cryptography;
using StreamDiff.Transport.Media;

namespace StreamDiff.Pipeline.Control.Logs;

/// <summary>
/// The first 128 bits of the SHA-256 of frames' RGB bytes, and their transparency where they have any, one after the other: frames with the
/// same digest are the same bit for bit.
/// </summary>
internal static class FrameDigest
{
    public static UInt128 Of(IReadOnlyList<VideoFrame> frames)
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        foreach (var frame in frames)
        {
            hash.AppendData(frame.Pixels);
            hash.AppendData(frame.Alpha);
        }
        Span<byte> digest = stackalloc byte[SHA256.HashSizeInBytes];
        hash.GetHashAndReset(digest);
        return BinaryPrimitives.ReadUInt128BigEndian(digest);
    }
}
