using StreamDiff.Models.Files;

namespace StreamDiff.Models.Native;

/// <summary>
/// The libtorch that <c>streamdiff setup</c> remembers: a folder in <c>$XDG_DATA_HOME/streamdiff/libtorch/chosen</c>, by default in
/// <c>~/.local/share</c>. Code is loaded from there, so only a file that nobody but its owner can read or write counts.
/// </summary>
public static class LibTorchChoice
{
    private const UnixFileMode Own = UnixFileMode.UserRead | UnixFileMode.UserWrite;
    private const int Longest = 8192;

    /// <summary>Where libtorchs that were fetched lie, beside the file.</summary>
    public static string Folder => UserFolder.Data("libtorch");

    /// <summary>The file.</summary>
    public static string Path => System.IO.Path.Combine(Folder, "chosen");

    /// <summary>True for a folder that libtorch can be loaded from.</summary>
    public static bool Holds(string folder) => LibTorchFolder.Holds(folder);

    /// <summary>The remembered <c>lib</c> folder; null where none is.</summary>
    /// <exception cref="ModelException">The file cannot be trusted or read.</exception>
    public static string? Read()
    {
        try
        {
            if (!File.Exists(Path))
                return null;
            // One that is closed to all others and can be read all the same is the user's own.
            if (!OperatingSystem.IsWindows() && (File.GetUnixFileMode(Path) & ~Own) != 0)
                throw new ModelException($"{Path} is open to other users, and says which code is loaded: look at it, then chmod 600 it");
            return BoundedFile.ReadText(Path, Longest).Trim() is { Length: > 0 } folder ? folder : null;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new ModelException($"{Path} cannot be read: {e.Message.TrimEnd('.')}; delete it, or run 'streamdiff setup cpu'", e);
        }
    }

    /// <summary>Remembers a <c>lib</c> folder in place of what was remembered before.</summary>
    /// <exception cref="ModelException">It cannot be written.</exception>
    public static void Remember(string folder)
    {
        try
        {
            MakeFolder();
            var draft = $"{Path}.{Environment.ProcessId}";
            File.Delete(draft);
            var options = new FileStreamOptions { Mode = FileMode.CreateNew, Access = FileAccess.Write };
            if (!OperatingSystem.IsWindows())
                options.UnixCreateMode = Own;
            using (var file = new StreamWriter(draft, options))
                file.WriteLine(System.IO.Path.GetFullPath(folder));
            File.Move(draft, Path, overwrite: true);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new ModelException($"{Path} cannot be written: {e.Message.TrimEnd('.')}", e);
        }
    }

    /// <summary>Forgets it; false where nothing was remembered.</summary>
    /// <exception cref="ModelException">It cannot be deleted.</exception>
    public static bool Forget()
    {
        try
        {
            var was = File.Exists(Path);
            File.Delete(Path);
            return was;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new ModelException($"{Path} cannot be deleted: {e.Message.TrimEnd('.')}", e);
        }
    }

    /// <summary>Makes <see cref="Folder"/>, for its owner only.</summary>
    public static void MakeFolder()
    {
        if (OperatingSystem.IsWindows())
        {
            Directory.CreateDirectory(Folder);
            return;
        }
        Directory.CreateDirectory(Folder, Own | UnixFileMode.UserExecute);
        // Refused by the system where the folder is somebody else's.
        File.SetUnixFileMode(Folder, Own | UnixFileMode.UserExecute);
    }
}
