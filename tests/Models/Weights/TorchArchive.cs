using System.Buffers.Binary;
using System.Text;

namespace StreamDiff.Models.Tests.Weights;

/// <summary>Writes zip archives as torch.save does, with zip64 records, and others that it never would.</summary>
internal sealed class TorchArchive : IDisposable
{
    private readonly FileStream _stream;
    private readonly List<(string Name, long Local, long Size, ushort Method)> _entries = [];

    public TorchArchive(string path) => _stream = new FileStream(path, FileMode.Create, FileAccess.ReadWrite);

    /// <summary>An archive with one pickle and storages 0, 1, ...</summary>
    public static string Write(string path, byte[] pickle, params byte[][] storages)
    {
        using var archive = new TorchArchive(path);
        archive.Add("archive/data.pkl", pickle);
        for (var i = 0; i < storages.Length; i++)
            archive.Add($"archive/data/{i}", storages[i]);
        return path;
    }

    public void Add(string name, ReadOnlySpan<byte> content, ushort method = 0)
    {
        StartEntry(name, content.Length, method);
        _stream.Write(content);
    }

    /// <summary>An entry of zeros that takes no room on the disk, but for its end.</summary>
    public void AddSparse(string name, long size, ReadOnlySpan<byte> end)
    {
        StartEntry(name, size, 0);
        _stream.Position += size - end.Length;
        _stream.Write(end);
    }

    public void Dispose()
    {
        var start = _stream.Position;
        foreach (var entry in _entries)
            WriteCentral(entry);
        var end = _stream.Position;
        WriteEnd(start, end);
        _stream.Dispose();
    }

    private void StartEntry(string name, long size, ushort method)
    {
        _entries.Add((name, _stream.Position, size, method));
        var text = Encoding.UTF8.GetBytes(name);
        var padding = (int)(-(_stream.Position + 34 + text.Length) & 63);
        var header = new byte[30];
        BinaryPrimitives.WriteUInt32LittleEndian(header, 0x04034b50);
        BinaryPrimitives.WriteUInt16LittleEndian(header.AsSpan(26), (ushort)text.Length);
        BinaryPrimitives.WriteUInt16LittleEndian(header.AsSpan(28), (ushort)(4 + padding));
        _stream.Write(header);
        _stream.Write(text);
        _stream.Write([(byte)'F', (byte)'B', (byte)padding, (byte)(padding >> 8)]);
        _stream.Write(new byte[padding]);
    }

    private void WriteCentral((string Name, long Local, long Size, ushort Method) entry)
    {
        var text = Encoding.UTF8.GetBytes(entry.Name);
        var wide = new List<byte>();
        var header = new byte[46];
        BinaryPrimitives.WriteUInt32LittleEndian(header, 0x02014b50);
        BinaryPrimitives.WriteUInt16LittleEndian(header.AsSpan(10), entry.Method);
        BinaryPrimitives.WriteUInt32LittleEndian(header.AsSpan(24), Narrow(entry.Size, wide));
        BinaryPrimitives.WriteUInt32LittleEndian(header.AsSpan(20), Narrow(entry.Size, wide));
        BinaryPrimitives.WriteUInt32LittleEndian(header.AsSpan(42), Narrow(entry.Local, wide));
        BinaryPrimitives.WriteUInt16LittleEndian(header.AsSpan(28), (ushort)text.Length);
        BinaryPrimitives.WriteUInt16LittleEndian(header.AsSpan(30), (ushort)(wide.Count == 0 ? 0 : wide.Count + 4));
        _stream.Write(header);
        _stream.Write(text);
        if (wide.Count > 0)
            _stream.Write([1, 0, (byte)wide.Count, 0, .. wide]);
    }

    private void WriteEnd(long start, long end)
    {
        var record = new byte[56 + 20 + 22];
        BinaryPrimitives.WriteUInt32LittleEndian(record, 0x06064b50);
        BinaryPrimitives.WriteInt64LittleEndian(record.AsSpan(4), 44);
        BinaryPrimitives.WriteInt64LittleEndian(record.AsSpan(24), _entries.Count);
        BinaryPrimitives.WriteInt64LittleEndian(record.AsSpan(32), _entries.Count);
        BinaryPrimitives.WriteInt64LittleEndian(record.AsSpan(40), end - start);
        BinaryPrimitives.WriteInt64LittleEndian(record.AsSpan(48), start);
        BinaryPrimitives.WriteUInt32LittleEndian(record.AsSpan(56), 0x07064b50);
        BinaryPrimitives.WriteInt64LittleEndian(record.AsSpan(64), end);
        BinaryPrimitives.WriteInt32LittleEndian(record.AsSpan(72), 1);
        BinaryPrimitives.WriteUInt32LittleEndian(record.AsSpan(76), 0x06054b50);
        BinaryPrimitives.WriteUInt16LittleEndian(record.AsSpan(86), (ushort)_entries.Count);
        BinaryPrimitives.WriteUInt32LittleEndian(record.AsSpan(92), (uint)Math.Min(start, uint.MaxValue));
        _stream.Write(record);
    }

    private static uint Narrow(long value, List<byte> wide)
    {
        if (value < uint.MaxValue)
            return (uint)value;
        wide.AddRange(BitConverter.GetBytes(value));
        return uint.MaxValue;
    }
}
