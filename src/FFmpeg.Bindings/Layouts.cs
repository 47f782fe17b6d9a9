using System.Runtime.CompilerServices;

namespace FFmpeg.AutoGen;

/// <summary>Where the installed FFmpeg version has the fields that moved between versions.</summary>
internal static unsafe partial class Layouts
{
    private static readonly int[] Current = Of(LibraryChoice.Version);

    /// <summary>How many versions the bindings know, oldest first.</summary>
    public static int Count => AllMajors.Length;

    /// <summary>The major versions of the libraries that belong together, by their short names.</summary>
    public static IReadOnlyDictionary<string, int> Majors(int version) => AllMajors[version];

    /// <summary>The place of a field in bytes, -1 where that version has none.</summary>
    public static int Offset(Member member, int version) => Places[((int)member * Count) + version];

    /// <summary>True where the installed version has the field.</summary>
    public static bool Has(Member member) => Current[(int)member] >= 0;

    /// <summary>The address of a field. The record is FFmpeg's and does not move.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static byte* At<T>(ref T record, Member member)
        where T : unmanaged => (byte*)Unsafe.AsPointer(ref record) + Current[(int)member];

    private static int[] Of(int version)
    {
        var offsets = new int[Places.Length / Count];
        for (var member = 0; member < offsets.Length; member++)
        {
            offsets[member] = Offset((Member)member, version);
        }

        return offsets;
    }
}
