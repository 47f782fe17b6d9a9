using System.IO.MemoryMappedFiles;
using System.Runtime.InteropServices;
using StreamDiff.Models.Files;

namespace StreamDiff.Models.Weights;

/// <summary>
/// A file mapped read-only into memory: pages come in when they are touched and cost no copy. Counted by its holders, so that a tensor over
/// the map cannot be left pointing at nothing. Nothing unmaps it but the last holder: a forgotten map costs address space, never a crash.
/// </summary>
internal sealed unsafe class MappedFile : IDisposable
{
    private readonly MemoryMappedFile _file;
    private readonly MemoryMappedViewAccessor _view;
    private readonly byte* _start;
    private readonly Lock _gate = new();
    private int _holders;
    private bool _disposed;

    private MappedFile(string path, long length)
    {
        Path = path;
        Length = length;
        _file = MemoryMappedFile.CreateFromFile(path, FileMode.Open, null, 0, MemoryMappedFileAccess.Read);
        _view = _file.CreateViewAccessor(0, 0, MemoryMappedFileAccess.Read);
        _view.SafeMemoryMappedViewHandle.AcquirePointer(ref _start);
        _holders = 1;
    }

    public string Path { get; }

    /// <summary>Bytes.</summary>
    public long Length { get; }

    /// <exception cref="ModelException">The file is missing, empty, a folder or not readable.</exception>
    public static MappedFile Open(string path)
    {
        if (Directory.Exists(path))
            throw new ModelException($"{path} is a folder: give a checkpoint file");
        try
        {
            var length = FileLength.Of(path) ?? throw new FileNotFoundException();
            return length > 0 ? new MappedFile(path, length) : throw new ModelException($"{path} is empty (0 bytes): download it again");
        }
        catch (Exception e) when (e is FileNotFoundException or DirectoryNotFoundException)
        {
            throw new ModelException($"{path} does not exist: check the path, or fetch the model", e);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or ArgumentException or NotSupportedException)
        {
            throw new ModelException($"{path} cannot be read: {e.Message.ReplaceLineEndings(" ")}", e);
        }
    }

    /// <summary>Some of the file's bytes, valid while somebody holds the map.</summary>
    /// <exception cref="ArgumentOutOfRangeException">The range reaches outside the file.</exception>
    public ReadOnlySpan<byte> Bytes(long offset, int count)
    {
        Check(offset, count);
        return new ReadOnlySpan<byte>(_start + offset, count);
    }

    /// <summary>Address of a range that has been checked to lie in the file.</summary>
    public nint Address(long offset, long count)
    {
        Check(offset, count);
        return (nint)(_start + offset);
    }

    /// <summary>Asks the kernel to read a range ahead; returns at once.</summary>
    public void ReadAhead(long offset, long count) => Advise(offset, count, Advice.WillNeed);

    /// <summary>Says that a range is read from front to back, so that the kernel reads ahead further.</summary>
    public void ReadInOrder(long offset, long count) => Advise(offset, count, Advice.Sequential);

    /// <summary>
    /// Takes a range out of this process's memory. It stays readable: a later touch brings it back from the page cache or the disk.
    /// </summary>
    public void Drop(long offset, long count) => Advise(offset, count, Advice.DontNeed);

    /// <summary>Keeps the map until the result is disposed, whoever else lets go of it.</summary>
    public IDisposable Hold()
    {
        lock (_gate)
        {
            ObjectDisposedException.ThrowIf(_holders == 0, this);
            _holders++;
        }
        return new Holder(this);
    }

    /// <summary>Lets go of the map; the memory goes with its last holder.</summary>
    public void Dispose()
    {
        lock (_gate)
        {
            if (_disposed)
                return;
            _disposed = true;
        }
        Release();
    }

    private void Release()
    {
        lock (_gate)
            if (--_holders > 0)
                return;
        _view.SafeMemoryMappedViewHandle.ReleasePointer();
        _view.Dispose();
        _file.Dispose();
    }

    private void Advise(long offset, long count, Advice advice)
    {
        Check(offset, count);
        if (count == 0)
            return;
        // The kernel wants whole pages. A neighbour's bytes on the same page are at worst read once more. A refusal of advice changes no
        // result.
        var page = Environment.SystemPageSize;
        var from = offset / page * page;
        _ = Madvise(_start + from, (nuint)(offset + count - from), (int)advice);
    }

    private void Check(long offset, long count)
    {
        if (offset < 0 || count < 0 || offset > Length - count)
            throw new ArgumentOutOfRangeException(
                nameof(offset), $"bytes {offset} to {offset + count} are outside {Path} ({Length} bytes)");
    }

    [DllImport("libc", EntryPoint = "madvise")]
    private static extern int Madvise(void* address, nuint length, int advice);

    private enum Advice
    {
        Sequential = 2,
        WillNeed = 3,
        DontNeed = 4,
    }

    private sealed class Holder(MappedFile file) : IDisposable
    {
        private MappedFile? _file = file;

        public void Dispose() => Interlocked.Exchange(ref _file, null)?.Release();
    }
}
