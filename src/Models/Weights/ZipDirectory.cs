using System.Buffers.Binary;
using System.Text;

namespace StreamDiff.Models.Weights;

/// <summary>Where an entry's bytes lie in the file.</summary>
internal readonly record struct ZipEntry(long Offset, long Size);

/// <summary>
/// The central directory of a zip archive whose entries are stored uncompressed, as torch.save writes them, with the zip64 extensions for
/// archives over 4 GB (PKWARE APPNOTE 4.3 and 4.5.3). The framework's own reader offers streams; this one says where the bytes lie, so that
/// they can be mapped.
/// </summary>
internal sealed class ZipDirectory
{
    private const uint EndSignature = 0x06054b50;
    private const uint Zip64LocatorSignature = 0x07064b50;
    private const uint Zip64EndSignature = 0x06064b50;
    private const uint CentralSignature = 0x02014b50;
    private const uint LocalSignature = 0x04034b50;
    private const int EndSize = 22;
    private const int Zip64LocatorSize = 20;
    private const int Zip64EndSize = 56;
    private const int CentralSize = 46;
    private const int LocalSize = 30;
    private const int LongestComment = ushort.MaxValue;
    private const uint InZip64 = uint.MaxValue;
    private const ushort Zip64ExtraId = 1;
    private const ushort EncryptedFlag = 1;

    private readonly MappedFile _file;

    private ZipDirectory(MappedFile file) => _file = file;

    public Dictionary<string, ZipEntry> Entries { get; } = new(StringComparer.Ordinal);

    /// <exception cref="ModelException">The archive is cut short.</exception>
    /// <exception cref="InvalidDataException">The archive is damaged, or its entries are compressed or encrypted.</exception>
    public static ZipDirectory Read(MappedFile file)
    {
        var directory = new ZipDirectory(file);
        directory.ReadEntries();
        return directory;
    }

    private void ReadEntries()
    {
        var (at, count, end) = FindDirectory();
        if (count < 0 || at < 0 || at > end || count > (end - at) / CentralSize)
            throw new InvalidDataException("the archive's directory lies outside the file");
        for (var i = 0L; i < count; i++)
            at += ReadEntry(at, end);
    }

    private (long At, long Count, long End) FindDirectory()
    {
        var end = FindEnd();
        var record = _file.Bytes(end, EndSize);
        if (end < Zip64LocatorSize || U32(_file.Bytes(end - Zip64LocatorSize, Zip64LocatorSize)) != Zip64LocatorSignature)
            return (U32(record[16..]), U16(record[10..]), end);

        var zip64 = I64(_file.Bytes(end - Zip64LocatorSize, Zip64LocatorSize)[8..]);
        if (zip64 < 0 || zip64 > end - Zip64LocatorSize - Zip64EndSize || U32(_file.Bytes(zip64, Zip64EndSize)) != Zip64EndSignature)
            throw new InvalidDataException("the archive's zip64 record is not where it should be");
        record = _file.Bytes(zip64, Zip64EndSize);
        return (I64(record[48..]), I64(record[32..]), zip64);
    }

    private long FindEnd()
    {
        var tail = _file.Bytes(Math.Max(0, _file.Length - EndSize - LongestComment), (int)Math.Min(_file.Length, EndSize + LongestComment));
        for (var at = tail.Length - EndSize; at >= 0; at--)
            if (U32(tail[at..]) == EndSignature && at + EndSize + U16(tail[(at + 20)..]) == tail.Length)
                return _file.Length - tail.Length + at;
        throw new ModelException(
            $"{_file.Path} is cut short: it has {_file.Length} bytes, more are expected because the archive's directory at its end is "
                + "missing, download it again");
    }

    private int ReadEntry(long at, long end)
    {
        if (at > end - CentralSize || U32(_file.Bytes(at, CentralSize)) != CentralSignature)
            throw new InvalidDataException("the archive's directory is damaged");
        var header = _file.Bytes(at, CentralSize);
        int nameLength = U16(header[28..]), extraLength = U16(header[30..]), commentLength = U16(header[32..]);
        if (at + CentralSize + nameLength + extraLength + commentLength > end)
            throw new InvalidDataException("the archive's directory is damaged");
        var name = Encoding.UTF8.GetString(_file.Bytes(at + CentralSize, nameLength));
        if ((U16(header[8..]) & EncryptedFlag) != 0)
            throw new InvalidDataException($"{Printable.Of(name)} is encrypted");
        if (U16(header[10..]) != 0)
            throw new InvalidDataException($"{Printable.Of(name)} is compressed, which torch.save never does: save it again with torch");

        var extra = _file.Bytes(at + CentralSize + nameLength, extraLength);
        var (size, local) = Resolve(U32(header[24..]), U32(header[20..]), U32(header[42..]), extra);
        if (!Entries.TryAdd(name, Locate(name, local, size)))
            throw new InvalidDataException($"{Printable.Of(name)} is in the archive twice");
        return CentralSize + nameLength + extraLength + commentLength;
    }

    // The zip64 field holds, in this order, those of the values that did not fit their 32 bits.
    private static (long Size, long Local) Resolve(uint size, uint compressed, uint local, ReadOnlySpan<byte> extra)
    {
        var field = Zip64Field(extra);
        var resolvedSize = Take(size, ref field);
        _ = Take(compressed, ref field);
        return (resolvedSize, Take(local, ref field));

        static long Take(uint value, ref ReadOnlySpan<byte> field)
        {
            if (value != InZip64)
                return value;
            if (field.Length < sizeof(long))
                throw new InvalidDataException("the archive lacks a zip64 value");
            var wide = I64(field);
            field = field[sizeof(long)..];
            return wide;
        }
    }

    private static ReadOnlySpan<byte> Zip64Field(ReadOnlySpan<byte> extra)
    {
        while (extra.Length >= 4)
        {
            int id = U16(extra), length = U16(extra[2..]);
            extra = extra[4..];
            if (length > extra.Length)
                break;
            if (id == Zip64ExtraId)
                return extra[..length];
            extra = extra[length..];
        }
        return [];
    }

    // The local header repeats the name and has an extra field of its own length: torch pads with it, so that tensors lie on 64-byte
    // borders.
    private ZipEntry Locate(string name, long local, long size)
    {
        if (local < 0 || local > _file.Length - LocalSize || U32(_file.Bytes(local, LocalSize)) != LocalSignature)
            throw new InvalidDataException($"{Printable.Of(name)} is not where the archive's directory says");
        var header = _file.Bytes(local, LocalSize);
        var offset = local + LocalSize + U16(header[26..]) + U16(header[28..]);
        if (size < 0 || offset > _file.Length - size)
            throw new InvalidDataException($"{Printable.Of(name)} of {size} bytes reaches beyond the end of the file");
        return new ZipEntry(offset, size);
    }

    private static ushort U16(ReadOnlySpan<byte> bytes) => BinaryPrimitives.ReadUInt16LittleEndian(bytes);

    private static uint U32(ReadOnlySpan<byte> bytes) => BinaryPrimitives.ReadUInt32LittleEndian(bytes);

    private static long I64(ReadOnlySpan<byte> bytes) => BinaryPrimitives.ReadInt64LittleEndian(bytes);
}
