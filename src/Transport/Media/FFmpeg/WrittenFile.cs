using System.Buffers.Binary;
using System.Collections.Concurrent;
using System.Runtime.InteropServices;
using System.Text;
using StreamDiff.Transport.Files;

namespace StreamDiff.Transport.Media.FFmpeg;

/// <summary>
/// A file on its way to its name. Where another file has that name already, it is written beside that one and takes its place when it holds
/// something, so that a run that comes to nothing destroys nothing. Links are followed; devices and pipes are written as they are.
/// </summary>
internal sealed partial class WrittenFile
{
    private const string Suffix = ".partial";
    private const int LongestName = 255;

    // What a second Ctrl+C would leave behind.
    private static readonly ConcurrentDictionary<string, bool> Unfinished = new();

    private readonly string _target;

    /// <param name="path">As the user wrote it.</param>
    /// <param name="beside">False writes under the name itself from the start: for names that are free.</param>
    public WrittenFile(string path, bool beside)
    {
        // /dev/stdout and its like may lead to a file that somebody else has open.
        IsPlain = WholeFile.IsReplaced(path) && WholeFile.IsReplaced(new FileInfo(path).LinkTarget ?? path);
        _target = IsPlain ? FileIdentity.Of(path).RealPath : path;
        OpenPath = IsPlain && beside && MayCreateBeside(_target) ? FreeName(_target) : _target;
        IsInPlace = OpenPath == _target;
    }

    /// <summary>False for devices and pipes.</summary>
    public bool IsPlain { get; }

    /// <summary>The name under which it is created.</summary>
    public string OpenPath { get; }

    /// <summary>The name under which it is now.</summary>
    public string CurrentPath => IsInPlace ? _target : OpenPath;

    /// <summary>True when it has its final name.</summary>
    public bool IsInPlace { get; private set; }

    /// <summary>Takes the name under which it is created; what is opened afterwards is empty and nobody else's.</summary>
    /// <exception cref="MediaException">Somebody has taken it since.</exception>
    public void Begin()
    {
        if (IsPlain && !IsInPlace)
        {
            Create(OpenPath);
        }
    }

    /// <summary>Gives it its final name; whoever has it open goes on writing.</summary>
    /// <exception cref="IOException">Another file has the name and cannot be replaced.</exception>
    public void Arrive()
    {
        if (!IsInPlace)
        {
            TakePlace(OpenPath, _target);
            IsInPlace = true;
        }
    }

    /// <summary>Removes a file that holds nothing.</summary>
    public void Remove()
    {
        if (IsPlain)
        {
            Delete(CurrentPath);
        }
    }

    /// <summary>Leaves out what was not wholly written.</summary>
    public void CutTo(long length)
    {
        try
        {
            using var file = new FileStream(CurrentPath, FileMode.Open, FileAccess.Write, FileShare.ReadWrite);
            file.SetLength(length);
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            // Players stop at the torn end by themselves.
        }
    }

    /// <summary>Replaces the file by a better copy, which <paramref name="write"/> makes under the name that it is given.</summary>
    /// <exception cref="MediaException">The copy could not be written; the file is as it was.</exception>
    /// <exception cref="IOException">The copy could not take its place; the file is as it was.</exception>
    public void Improve(Action<string> write)
    {
        var copy = FreeName(_target);
        Create(copy);
        try
        {
            write(copy);
            TakePlace(copy, _target);
        }
        finally
        {
            Delete(copy);
        }
    }

    /// <summary>Deletes what has no final name yet, when the program is ended at once.</summary>
    public static void AbandonAll()
    {
        foreach (var path in Unfinished.Keys)
        {
            Delete(path);
        }
    }

    private static void Delete(string path)
    {
        try
        {
            File.Delete(path);
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            // It shows by its name what it is.
        }

        _ = Unfinished.TryRemove(path, out _);
    }

    // The new file is for those for whom the old one was.
    private static void TakePlace(string path, string target)
    {
        try
        {
            if (FileOwner.Of(target) is { } old)
            {
                // Only root gives files away; others keep what they own.
                _ = ChangeOwner(path, old.User, old.Group);
                _ = ChangeMode(path, old.Mode);
            }

            File.Move(path, target, overwrite: true);
        }
        catch (UnauthorizedAccessException error)
        {
            throw new IOException(error.Message, error);
        }

        _ = Unfinished.TryRemove(path, out _);
    }

    // Never a name that is there: it may be what another run writes, or what this one reads.
    private static string FreeName(string target)
    {
        var (folder, name) = (Path.GetDirectoryName(target)!, Path.GetFileName(target));
        for (var number = 1; ; number++)
        {
            var ending = number == 1 ? Suffix : FormattableString.Invariant($".{number}{Suffix}");
            var fits = Encoding.UTF8.GetByteCount(name + ending) <= LongestName;
            var draft = Path.Combine(folder, (fits ? name : "streamdiff") + ending);
            if (!Path.Exists(draft) && new FileInfo(draft).LinkTarget is null)
            {
                return draft;
            }
        }
    }

    private static void Create(string draft)
    {
        try
        {
            using var file = new FileStream(draft, FileMode.CreateNew, FileAccess.Write);
        }
        catch (IOException) when (Path.Exists(draft))
        {
            throw new MediaException($"'{draft}' has just been made by somebody else, perhaps another run with the same output.");
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            // Opening it says why.
        }

        Unfinished[draft] = true;
    }

    // A file may be writable in a folder that is not: then there is only its own place.
    private static bool MayCreateBeside(string target)
    {
        const int WriteAndSearch = 3;
        return Access(Path.GetDirectoryName(target)!, WriteAndSearch) == 0;
    }

    [LibraryImport("libc", EntryPoint = "access", StringMarshalling = StringMarshalling.Utf8)]
    private static partial int Access(string path, int mode);

    [LibraryImport("libc", EntryPoint = "chown", StringMarshalling = StringMarshalling.Utf8)]
    private static partial int ChangeOwner(string path, uint user, uint group);

    [LibraryImport("libc", EntryPoint = "chmod", StringMarshalling = StringMarshalling.Utf8)]
    private static partial int ChangeMode(string path, uint mode);

    /// <summary>Whose an existing file is and who may do what with it, links followed.</summary>
    private sealed partial record FileOwner(uint Mode, uint User, uint Group)
    {
        private const int CurrentFolder = -100;
        private const uint BasicStatus = 0x7ff;
        private const int ModeMask = 0xfff;

        /// <summary>Null where there is none.</summary>
        public static FileOwner? Of(string path)
        {
            // struct statx: owner, group and mode are at the same place on every machine.
            var status = new byte[256];
            if (StatX(CurrentFolder, path, 0, BasicStatus, status) != 0)
            {
                return null;
            }

            var mode = BinaryPrimitives.ReadUInt16LittleEndian(status.AsSpan(28));
            return new FileOwner(
                (uint)(mode & ModeMask),
                BinaryPrimitives.ReadUInt32LittleEndian(status.AsSpan(20)), BinaryPrimitives.ReadUInt32LittleEndian(status.AsSpan(24)));
        }

        [LibraryImport("libc", EntryPoint = "statx", StringMarshalling = StringMarshalling.Utf8)]
        private static partial int StatX(int folder, string path, int flags, uint mask, byte[] status);
    }
}
