using System.IO.MemoryMappedFiles;
using System.Runtime.InteropServices;

namespace StreamDiff.Models.Weights;

/// <summary>A file mapped read-only. Its pages come in when they are touched and can be given back once they were copied elsewhere.</summary>
internal sealed unsafe partial class MappedFile : IDisposable
{
    private const int AdviseDontNeed = 4;
    private readonly MemoryMappedFile _file;
    private readonly MemoryMappedViewAccessor _view;
    private byte* _start;

    /// <exception cref="ModelException">The file is missing, empty or unreadable.</exception>
    public MappedFile(string path)
    {
        Path = path;
        try
        {
            if (Directory.Exists(path))
                throw new ModelException($"{path} is a folder, not a checkpoint file");
            var info = new FileInfo(path);
            if (!info.Exists)
                throw new ModelException($"{path} does not exist");
            if (info.Length == 0)
                throw new ModelException($"{path} is empty: download it again");
            Length = info.Length;
            _file = MemoryMappedFile.CreateFromFile(path, FileMode.Open, null, 0, MemoryMappedFileAccess.Read);
            _view = _file.CreateViewAccessor(0, 0, MemoryMappedFileAccess.Read);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new ModelException($"cannot read {path}: {e.Message}", e);
        }
        _view.SafeMemoryMappedViewHandle.AcquirePointer(ref _start);
    }

    public string Path { get; }

    public long Length { get; }

    public nint Address(long offset) => (nint)(_start + offset);

    /// <summary>Bytes of the file.</summary>
    /// <exception cref="ModelException">They lie outside it.</exception>
    public ReadOnlySpan<byte> Bytes(long offset, long count)
    {
        if (offset < 0 || count < 0 || count > int.MaxValue || offset > Length - count)
            throw Truncated(offset, count);
        return new ReadOnlySpan<byte>(_start + offset, (int)count);
    }

    public ModelException Truncated(long offset, long count) =>
        new($"{Path} is damaged or was cut off: bytes {offset} to {offset + count} are needed, the file has {Length}; download it again");

    /// <summary>Gives back the pages that lie wholly inside a range: they have been copied.</summary>
    public void Forget(long offset, long count)
    {
        var page = Environment.SystemPageSize;
        var first = ((nint)(_start + offset) + page - 1) / page * page;
        var end = (nint)(_start + offset + count) / page * page;
        if (end > first)
            _ = Advise(first, end - first, AdviseDontNeed);
    }

    public void Dispose()
    {
        if (_start == null)
            return;
        _start = null;
        _view.SafeMemoryMappedViewHandle.ReleasePointer();
        _view.Dispose();
        _file.Dispose();
    }

    [LibraryImport("libc", EntryPoint = "madvise")]
    private static partial int Advise(nint address, nint length, int advice);
}
