using System.Buffers.Binary;

namespace StreamDiff.Models.Text;

/// <summary>
/// SentencePiece's compiled normalisation: a double-array trie (Darts) from byte sequences to offsets into a table of replacements. Layout:
/// trie size in bytes, trie units, zero-terminated replacements.
/// </summary>
internal sealed class CharacterMap
{
    private readonly uint[] _units;
    private readonly byte[] _replacements;

    /// <exception cref="InvalidDataException">The bytes are no such map.</exception>
    public CharacterMap(ReadOnlySpan<byte> data)
    {
        if (data.IsEmpty)
        {
            _units = [];
            _replacements = [];
            return;
        }
        if (data.Length < 4)
            throw new InvalidDataException("its character map is cut off");
        var size = BinaryPrimitives.ReadUInt32LittleEndian(data);
        if (size > data.Length - 4 || size % 4 != 0)
            throw new InvalidDataException("its character map is cut off");
        _units = new uint[size / 4];
        for (var i = 0; i < _units.Length; i++)
            _units[i] = BinaryPrimitives.ReadUInt32LittleEndian(data[(4 + 4 * i)..]);
        _replacements = data[(4 + (int)size)..].ToArray();
        if (_replacements.Length > 0 && _replacements[^1] != 0)
            throw new InvalidDataException("its character map is cut off");
    }

    /// <summary>The longest prefix that has a replacement; length 0 when there is none.</summary>
    public (int Length, ReadOnlyMemory<byte> Replacement) Longest(ReadOnlySpan<byte> text)
    {
        if (_units.Length == 0)
            return default;
        var (length, value) = (0, 0u);
        var node = Offset(_units[0]);
        for (var i = 0; i < text.Length; i++)
        {
            node ^= text[i];
            if (node >= _units.Length || Label(_units[node]) != text[i])
                break;
            var unit = _units[node];
            node ^= Offset(unit);
            if (HasLeaf(unit) && node < _units.Length)
                (length, value) = (i + 1, _units[node] & 0x7fffffff);
        }
        if (length == 0 || value >= _replacements.Length)
            return default;
        var rest = _replacements.AsMemory((int)value);
        return (length, rest[..rest.Span.IndexOf((byte)0)]);
    }

    private static uint Offset(uint unit) => (unit >> 10) << (int)((unit & (1 << 9)) >> 6);

    private static uint Label(uint unit) => unit & 0x800000ff;

    private static bool HasLeaf(uint unit) => ((unit >> 8) & 1) == 1;
}
