using System.Buffers.Binary;
using System.Text;

namespace StreamDiff.Models.Native;

/// <summary>
/// Lets an ELF library built with GCC 13 or newer load on an older libstdc++. All it needs of GLIBCXX_3.4.32 is
/// <c>std::ios_base_library_init()</c>; older libstdc++ initialises the iostreams in each library by itself, so the call may do nothing.
/// The symbol is
/// pointed at <c>steady_clock::now()</c> (no arguments, no side effect) and the version requirement is marked weak.
/// </summary>
internal static class LibstdcxxPatch
{
    private const string Unwanted = "_ZSt21ios_base_library_initv";
    private const string Harmless = "_ZNSt6chrono3_V212steady_clock3nowEv";
    private const string Version = "GLIBCXX_3.4.32";
    private const uint SectionDynamicSymbols = 11;
    private const uint SectionVersionSymbols = 0x6fffffff;
    private const uint SectionVersionNeeds = 0x6ffffffe;
    private const int SymbolSize = 24;
    private const ushort WeakFlag = 2;

    /// <summary>Patches a 64-bit little-endian ELF image in place; false when it does not have this incompatibility.</summary>
    public static bool Apply(Span<byte> image)
    {
        if (image.Length < 64 || !image.StartsWith("\u007fELF"u8))
            return false;

        int symbols = 0, symbolCount = 0, strings = 0, versions = 0, needs = 0;
        int sectionTable = (int)BinaryPrimitives.ReadInt64LittleEndian(image[0x28..]);
        int sectionSize = U16(image, 0x3a), sectionCount = U16(image, 0x3c);
        for (var i = 0; i < sectionCount; i++)
        {
            var section = sectionTable + i * sectionSize;
            var offset = I64(image, section + 0x18);
            switch (U32(image, section + 4))
            {
                case SectionDynamicSymbols:
                    symbols = offset;
                    symbolCount = I64(image, section + 0x20) / SymbolSize;
                    strings = I64(image, sectionTable + (int)U32(image, section + 0x28) * sectionSize + 0x18);
                    break;
                case SectionVersionSymbols:
                    versions = offset;
                    break;
                case SectionVersionNeeds:
                    needs = offset;
                    break;
            }
        }

        int unwanted = -1, harmless = -1;
        for (var i = 0; i < symbolCount; i++)
        {
            var name = Name(image, strings + (int)U32(image, symbols + i * SymbolSize));
            if (name == Unwanted)
                unwanted = i;
            else if (name == Harmless)
                harmless = i;
        }
        if (unwanted < 0 || harmless < 0 || needs == 0)
            return false;

        BinaryPrimitives.WriteUInt32LittleEndian(image[(symbols + unwanted * SymbolSize)..], U32(image, symbols + harmless * SymbolSize));
        BinaryPrimitives.WriteUInt16LittleEndian(image[(versions + unwanted * 2)..], U16(image, versions + harmless * 2));
        WeakenRequirement(image, needs, strings);
        return true;
    }

    private static void WeakenRequirement(Span<byte> image, int need, int strings)
    {
        while (true)
        {
            var auxiliary = need + (int)U32(image, need + 8);
            for (var i = U16(image, need + 2); i > 0; i--)
            {
                if (Name(image, strings + (int)U32(image, auxiliary + 8)) == Version)
                    BinaryPrimitives.WriteUInt16LittleEndian(image[(auxiliary + 4)..], (ushort)(U16(image, auxiliary + 4) | WeakFlag));
                auxiliary += (int)U32(image, auxiliary + 12);
            }
            var next = (int)U32(image, need + 12);
            if (next == 0)
                return;
            need += next;
        }
    }

    private static ushort U16(ReadOnlySpan<byte> image, int at) => BinaryPrimitives.ReadUInt16LittleEndian(image[at..]);

    private static uint U32(ReadOnlySpan<byte> image, int at) => BinaryPrimitives.ReadUInt32LittleEndian(image[at..]);

    private static int I64(ReadOnlySpan<byte> image, int at) => checked((int)BinaryPrimitives.ReadInt64LittleEndian(image[at..]));

    private static string Name(ReadOnlySpan<byte> image, int at)
    {
        var rest = image[at..];
        return Encoding.ASCII.GetString(rest[..rest.IndexOf((byte)0)]);
    }
}
