using System.Runtime.InteropServices;

namespace StreamDiff.Transport.Links.Nccl;

/// <summary>A communicator's id: 128 bytes that one end makes and all must have. Passed by value, as in NCCL's header.</summary>
[StructLayout(LayoutKind.Sequential, Size = Length)]
public unsafe struct NcclUniqueId
{
    public const int Length = 128;

    private fixed byte _bytes[Length];

    public static NcclUniqueId From(ReadOnlySpan<byte> bytes)
    {
        if (bytes.Length != Length)
            throw new ArgumentException($"an NCCL id has {Length} bytes, not {bytes.Length}", nameof(bytes));
        return MemoryMarshal.Read<NcclUniqueId>(bytes);
    }

    public readonly void CopyTo(Span<byte> bytes) => MemoryMarshal.Write(bytes, in this);
}
