using System.Runtime.InteropServices;
using System.Text;

namespace StreamDiff.Transport.Files;

/// <summary>
/// Writes files that are complete or not there: the content goes into a draft in the same folder, which then takes the name. Whatever
/// happens before, an older file of that name keeps its content, and so do other names (hard links) of it.
/// </summary>
public static partial class WholeFile
{
    private const int CreateNewForWriting = 0x1 | 0x40 | 0x80 | 0x80000;
    private const int OwnerOnly = 0x180;
    private const UnixFileMode Owners = UnixFileMode.UserRead | UnixFileMode.UserWrite;

    /// <summary>Writes text as UTF-8.</summary>
    /// <exception cref="IOException">It cannot be written; one line with the file and the reason.</exception>
    public static void Write(string path, string text) => Write(path, Encoding.UTF8.GetBytes(text));

    /// <summary>Writes bytes. Pipes, terminals and devices are written as they are.</summary>
    /// <exception cref="IOException">It cannot be written; one line with the file and the reason.</exception>
    public static void Write(string path, ReadOnlySpan<byte> content) => Write(path, content, isPrivate: false);

    /// <summary>
    /// Writes text as UTF-8 into a file that nobody but its owner can read or change, from its first moment on, whoever could before.
    /// </summary>
    /// <exception cref="IOException">It cannot be written; one line with the file and the reason.</exception>
    public static void WritePrivate(string path, string text) => Write(path, Encoding.UTF8.GetBytes(text), isPrivate: true);

    private static void Write(string path, ReadOnlySpan<byte> content, bool isPrivate)
    {
        ArgumentException.ThrowIfNullOrEmpty(path);
        if (!IsReplaced(path))
        {
            // Appending, for a standard output that is a file.
            using var stream = new FileStream(path, FileMode.Append, FileAccess.Write, FileShare.ReadWrite, bufferSize: 0);
            stream.Write(content);
            return;
        }

        var (draft, target) = Begin(path, content, isPrivate);
        End(path, draft, target);
    }

    /// <summary>Writes what is to be a file beside its place, for <see cref="End"/>.</summary>
    /// <exception cref="IOException">It cannot be written; one line with the file and the reason. Nothing is left of it.</exception>
    internal static (string Draft, string Target) Begin(string path, ReadOnlySpan<byte> content, bool isPrivate)
    {
        // A link stays one: what it leads to is replaced.
        var target = FileIdentity.Of(path).RealPath;
        var draft = DraftIn(Path.GetDirectoryName(target) ?? "/");
        var options = new FileStreamOptions
        {
            Mode = FileMode.CreateNew,
            Access = FileAccess.Write,
            Share = FileShare.Read,
            BufferSize = 0,
        };
        try
        {
            if (!OperatingSystem.IsWindows())
            {
                // From the beginning: the draft has the content before it has the name.
                options.UnixCreateMode = isPrivate ? Owners : File.Exists(target) ? File.GetUnixFileMode(target) : null;
            }

            using (var stream = new FileStream(draft, options))
            {
                stream.Write(content);
            }

            if (!OperatingSystem.IsWindows() && options.UnixCreateMode is { } mode)
            {
                // The process may make new files with less.
                File.SetUnixFileMode(draft, mode);
            }

            return (draft, target);
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            if (File.Exists(draft))
            {
                File.Delete(draft);
            }

            throw Problem(path, draft, target, error);
        }
    }

    /// <summary>A draft takes its name.</summary>
    /// <exception cref="IOException">It cannot; one line with the file and the reason. The draft is gone.</exception>
    internal static void End(string path, string draft, string target)
    {
        try
        {
            Rename(draft, target);
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            throw Problem(path, draft, target, error);
        }
        finally
        {
            // After a failure, or where it was copied; there is none otherwise.
            if (File.Exists(draft))
            {
                File.Delete(draft);
            }
        }
    }

    private static IOException Problem(string path, string draft, string target, Exception error) => new(
        $"{path} cannot be written: {error.Message.Replace(draft, target, StringComparison.Ordinal).TrimEnd('.')}", error);

    /// <summary>
    /// Writes a new file that nobody but its owner can read or change, from its first moment on. Never over anything; follows no links.
    /// </summary>
    /// <exception cref="IOException">
    /// There is something of that name, or it cannot be written; one line with the file and the reason.
    /// </exception>
    public static void CreatePrivate(string path, string text)
    {
        ArgumentException.ThrowIfNullOrEmpty(path);
        if (Path.Exists(path) || new FileInfo(path).LinkTarget is not null)
        {
            throw new IOException($"{path} is there already and is not replaced: give another name");
        }

        var options = new FileStreamOptions { Mode = FileMode.CreateNew, Access = FileAccess.Write, BufferSize = 0 };
        if (!OperatingSystem.IsWindows())
        {
            options.UnixCreateMode = Owners;
        }

        var isOurs = false;
        try
        {
            // The system sees to it that nobody else makes one in between.
            using var stream = new FileStream(path, options);
            isOurs = true;
            stream.Write(Encoding.UTF8.GetBytes(text));
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            if (isOurs)
            {
                File.Delete(path);
            }

            throw new IOException($"{path} cannot be written: {error.Message.TrimEnd('.')}", error);
        }
    }

    /// <summary>False for what only exists while it is open, and for devices: nothing may take their names.</summary>
    internal static bool IsReplaced(string path) =>
        Path.GetFullPath(path) is var full && !full.StartsWith("/dev/fd/", StringComparison.Ordinal)
        && !full.StartsWith("/dev/std", StringComparison.Ordinal)
        && !full.StartsWith("/proc/self/fd/", StringComparison.Ordinal) && FileStatus.Of(path, out _) is null or { IsRegular: true };

    /// <summary>
    /// Why no new file can be made in a folder, in the system's words; null where one can. Tried, because asking does not tell of file
    /// systems that take none.
    /// </summary>
    internal static string? CannotBegin(string folder)
    {
        var draft = DraftIn(folder);
        var file = Open(draft, CreateNewForWriting, OwnerOnly);
        if (file < 0)
        {
            return Marshal.GetLastPInvokeErrorMessage();
        }

        _ = Close(file);
        File.Delete(draft);
        return null;
    }

    private static string DraftIn(string folder) => Path.Combine(folder, $".streamdiff-{Guid.NewGuid():N}.part");

    // A file that is mounted by itself, as containers do, cannot change its name; its new content is complete by now.
    private static void Rename(string draft, string target)
    {
        const int Busy = 16;
        try
        {
            File.Move(draft, target, overwrite: true);
        }
        catch (IOException error) when (Marshal.GetLastPInvokeError() == Busy
            || error.Message.Contains("busy", StringComparison.OrdinalIgnoreCase))
        {
            File.Copy(draft, target, overwrite: true);
        }
    }

    [LibraryImport("libc", EntryPoint = "open", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static partial int Open(string path, int flags, int mode);

    [LibraryImport("libc", EntryPoint = "close", SetLastError = true)]
    private static partial int Close(int file);
}
