using System.Runtime.InteropServices;

namespace StreamDiff.Transport.Files;

/// <summary>
/// The one rule for files: what is written is neither what is read nor what something else writes, under whatever name, and it can be
/// written. Asked before anything is opened.
/// </summary>
public static partial class FileRules
{
    private const int WritePermission = 2;

    /// <summary>Everything that is wrong, a line each.</summary>
    /// <param name="uses">All files of the work.</param>
    public static IReadOnlyList<string> Problems(IReadOnlyList<FileUse> uses)
    {
        ArgumentNullException.ThrowIfNull(uses);
        return [.. uses.Select(Obstacle).OfType<string>(), .. Clashes([], uses)];
    }

    /// <summary>
    /// Where new work and work that goes on use one file and one of them writes it, or where the new work does so by itself.
    /// </summary>
    /// <param name="others">Files of what goes on; nothing is said of these among themselves.</param>
    /// <param name="uses">Files of what is to begin.</param>
    public static IEnumerable<string> Clashes(IReadOnlyList<FileUse> others, IReadOnlyList<FileUse> uses)
    {
        ArgumentNullException.ThrowIfNull(others);
        ArgumentNullException.ThrowIfNull(uses);
        var all = others.Concat(uses).Select(u => (Use: u, File: u.Path.Length > 0 ? FileIdentity.Of(u.Path) : null)).ToList();
        for (var i = others.Count; i < all.Count; i++)
        {
            for (var j = 0; j < i; j++)
            {
                if (all[i].File is { } file && all[j].File is { } earlier
                    && Clash((all[j].Use, earlier), (all[i].Use, file)) is { } problem)
                {
                    yield return problem;
                }
            }
        }
    }

    /// <summary>
    /// Why a file cannot be written, in one line that begins with its name; null where it can, or is only read. Leaves everything as it
    /// was.
    /// </summary>
    public static string? Obstacle(FileUse use)
    {
        ArgumentNullException.ThrowIfNull(use);
        if (!use.IsWritten)
        {
            return null;
        }

        if (string.IsNullOrWhiteSpace(use.Path))
        {
            return $"{use.What} needs the name of a file";
        }

        var status = FileStatus.Of(use.Path, out var trouble);
        var file = FileIdentity.Of(use.Path);
        if (trouble is not null)
        {
            return $"{use.Shown} cannot be written: {trouble}";
        }

        if (use.Kind == FileUseKind.Fill)
        {
            return FolderObstacle(use, file.RealPath.Length > 1 ? file.RealPath.TrimEnd('/') : file.RealPath);
        }

        if (status is { IsFolder: true } || file.Name.Length == 0)
        {
            return $"{use.Shown} is a folder, not a file";
        }

        // Recordings leave a file that is there alone.
        if (status is not null && !use.IsRecorded && Access(use.Path, WritePermission) != 0)
        {
            return $"{use.Shown} cannot be written: {Marshal.GetLastPInvokeErrorMessage()}";
        }

        return status is { IsRegular: false } || !WholeFile.IsReplaced(use.Path)
            ? null
            : FolderObstacle(use, Path.GetDirectoryName(file.RealPath) ?? "/");
    }

    private static string? FolderObstacle(FileUse use, string folder)
    {
        var nearest = folder;
        while (FileStatus.Of(nearest, out _) is null && Path.GetDirectoryName(nearest) is { } above)
        {
            nearest = above;
        }

        return FileStatus.Of(nearest, out _) is { IsFolder: false } ? $"{use.Shown} cannot be written: {nearest} is a file, not a folder"
            : nearest != folder && !use.MakesFolders && use.Kind != FileUseKind.Fill ? $"the folder of {use.Shown} does not exist"
            : WholeFile.CannotBegin(nearest) is { } trouble ? $"{use.Shown} cannot be written: {trouble}"
            : null;
    }

    private static string? Clash((FileUse Use, FileIdentity File) one, (FileUse Use, FileIdentity File) two)
    {
        if (!one.Use.IsWritten)
        {
            (one, two) = (two, one);
        }

        if (!one.Use.IsWritten || (one.Use.Kind == FileUseKind.Fill && two.Use.Kind == FileUseKind.Fill))
        {
            return null;
        }

        if (one.File.Is(two.File))
        {
            return two.Use.IsWritten
                ? $"{two.Use.Shown} and {one.Use.Shown} are one file: give each a name of its own"
                : $"{one.Use.Shown} is the {two.Use.What}{(two.Use.Owner.Length > 0 ? $" of {two.Use.Owner}" : "")} itself: it would be "
                    + "destroyed";
        }

        if (MayBecome(one, two))
        {
            return $"{two.Use.Shown} has a name that the numbered recordings of {one.Use.Shown} take: give one of them another";
        }

        return two.Use.IsWritten && MayBecome(two, one)
            ? $"{one.Use.Shown} has a name that the numbered recordings of {two.Use.Shown} take: give one of them another"
            : null;
    }

    // A single recording never takes the number of a file that is there, so it harms none that is read.
    private static bool MayBecome((FileUse Use, FileIdentity File) recording, (FileUse Use, FileIdentity File) other) =>
        (recording.Use.Kind == FileUseKind.RecordSegments || (recording.Use.Kind == FileUseKind.Record && other.Use.IsWritten))
        && recording.File.IsBeside(other.File) && NumberedName.IsNumbered(recording.File.Name, other.File.Name);

    [LibraryImport("libc", EntryPoint = "access", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static partial int Access(string path, int mode);
}
