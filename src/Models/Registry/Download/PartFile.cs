using System.Runtime.InteropServices;
using System.Security.Cryptography;
using Microsoft.Win32.SafeHandles;
using StreamDiff.Models.Files;

namespace StreamDiff.Models.Registry.Download;

/// <summary>
/// The beginning of a file that is being downloaded, the running hash of what it holds, and beside it the tag of the version that it is of,
/// where a server has told one.
/// </summary>
internal sealed partial class PartFile : IDisposable
{
    /// <summary>Added to its name for the note of its version.</summary>
    internal const string TagSuffix = ".etag";

    private const int Enospc = 28;
    private const int LargestNote = 8192;

    // Linux on x86-64.
    private const int ReadWrite = 2;
    private const int Create = 0x40;
    private const int NoFollow = 0x20000;
    private const int CloseOnExec = 0x80000;
    private const int OwnerWrites = 0x1a4;
    private const int IsLink = 40;
    private const int LockAlone = 2;
    private const int LockNow = 4;

    private readonly Stream _stream;
    private readonly IncrementalHash _hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);

    private PartFile(string path, Stream stream)
    {
        Path = path;
        _stream = stream;
    }

    public string Path { get; }

    public long Length { get; private set; }

    /// <summary>Opens what an earlier try left, or an empty file. Only one download can have it open.</summary>
    public static PartFile Open(string path, Func<string, Stream> open, CancellationToken cancellation)
    {
        var part = new PartFile(path, Guard(path, () => open(path)));
        try
        {
            part.HashWhatIsThere(cancellation);
            return part;
        }
        catch
        {
            part.Dispose();
            throw;
        }
    }

    public static Stream OpenStream(string path)
    {
        Directory.CreateDirectory(System.IO.Path.GetDirectoryName(path)!);
        // Never through a link that somebody has put there: what it leads to would be written over.
        var descriptor = OpenNative(path, ReadWrite | Create | NoFollow | CloseOnExec, OwnerWrites);
        if (descriptor < 0)
        {
            var error = Marshal.GetLastPInvokeError();
            throw error == IsLink
                ? new IOException("it is a symbolic link, which is not followed: delete it")
                : new IOException(Marshal.GetPInvokeErrorMessage(error), error);
        }
        var handle = new SafeFileHandle(descriptor, ownsHandle: true);
        try
        {
            if (Lock(descriptor, LockAlone | LockNow) != 0)
                throw new IOException("another program has it open");
            return new FileStream(handle, FileAccess.ReadWrite, 1);
        }
        catch
        {
            handle.Dispose();
            throw;
        }
    }

    [LibraryImport("libc", EntryPoint = "open", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static partial int OpenNative(string path, int flags, int mode);

    [LibraryImport("libc", EntryPoint = "flock", SetLastError = true)]
    private static partial int Lock(int descriptor, int operation);

    public void Append(ReadOnlySpan<byte> bytes)
    {
        try
        {
            _stream.Write(bytes);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw Failure(Path, e);
        }
        _hash.AppendData(bytes);
        Length += bytes.Length;
    }

    /// <summary>Forgets everything.</summary>
    public void Restart()
    {
        _stream.SetLength(0);
        _stream.Position = 0;
        _hash.GetHashAndReset();
        Length = 0;
        File.Delete(Path + TagSuffix);
    }

    /// <summary>The tag that an address told with the version which this is the beginning of; null where it told none.</summary>
    public string? TagFrom(Uri address)
    {
        try
        {
            return File.Exists(Path + TagSuffix)
                && BoundedFile.ReadText(Path + TagSuffix, LargestNote).Split('\n') is [var from, var tag, ..]
                && from == address.AbsoluteUri ? tag : null;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or InvalidDataException)
        {
            return null;
        }
    }

    /// <summary>What comes is of this version, by an address's own count.</summary>
    public void Remember(Uri address, string tag)
    {
        try
        {
            // A link that somebody has put there is replaced, not followed.
            File.Delete(Path + TagSuffix);
            File.WriteAllText(Path + TagSuffix, $"{address.AbsoluteUri}\n{tag}\n");
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            // Then a later try begins anew.
        }
    }

    public string Hash() => Convert.ToHexStringLower(_hash.GetCurrentHash());

    public void MoveTo(string target) => Guard(target, () =>
    {
        _stream.Dispose();
        File.Move(Path, target, overwrite: true);
        File.Delete(Path + TagSuffix);
        return true;
    });

    /// <summary>Deletes the file: what it holds is known to be wrong.</summary>
    public void Discard()
    {
        _stream.Dispose();
        File.Delete(Path);
        File.Delete(Path + TagSuffix);
    }

    /// <summary>Keeps the file for a later try, unless it holds nothing.</summary>
    public void Dispose()
    {
        _stream.Dispose();
        _hash.Dispose();
        if (Length > 0)
            return;
        File.Delete(Path);
        File.Delete(Path + TagSuffix);
    }

    private void HashWhatIsThere(CancellationToken cancellation)
    {
        var buffer = new byte[1 << 20];
        for (int n; (n = _stream.Read(buffer)) > 0; Length += n)
        {
            cancellation.ThrowIfCancellationRequested();
            _hash.AppendData(buffer, 0, n);
        }
    }

    private static T Guard<T>(string path, Func<T> action)
    {
        try
        {
            return action();
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw Failure(path, e);
        }
    }

    private static DownloadException Failure(string path, Exception e)
    {
        if ((e.HResult & 0xffff) == Enospc || e.HResult == Enospc)
            return new(
                $"the disk of {System.IO.Path.GetDirectoryName(path)} is full: make room and run the same command again", e);
        var isTaken = e is IOException and not DirectoryNotFoundException && File.Exists(path);
        return new($"cannot write {path}: {e.Message}{(isTaken ? " (is another download of it running?)" : "")}", e);
    }
}
