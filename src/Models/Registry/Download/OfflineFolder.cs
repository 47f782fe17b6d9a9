namespace StreamDiff.Models.Registry.Download;

/// <summary>
/// Files that somebody brought along: a weights folder of another machine, a repository as it was downloaded, or a folder with all of them
/// side by side.
/// </summary>
public static class OfflineFolder
{
    /// <summary>Copies a file of a model from the folder into its place, where it is found by its path or its name.</summary>
    /// <returns>True where the copy's SHA-256 is that of the manifest, false where the manifest has none.</returns>
    /// <exception cref="ModelException">It is not there, has another size or other bytes, or cannot be read or written.</exception>
    public static bool Take(string folder, Model model, ModelFile file, CancellationToken cancellation = default)
    {
        var target = model.PathOf(file);
        // Of its own: what a download has brought so far stays, until it is not needed any more. What a copy that was killed has left is
        // written over by the next one.
        var part = $"{target}.from{ModelFiles.PartSuffix}";
        try
        {
            var source = Find(folder, file);
            Directory.CreateDirectory(Path.GetDirectoryName(target)!);
            // A link that somebody has put there is replaced, not followed.
            File.Delete(part);
            File.Copy(source, part);
            // What was copied is what counts, not what lies on a disk that may go.
            var hash = Sha256.OfFile(part, cancellation: cancellation);
            if (file.Sha256 is not null && hash != file.Sha256)
                throw new ModelException($"{source} is damaged or another version of {file.Path}: its sha256 is {hash}, not {file.Sha256}");
            File.Move(part, target, overwrite: true);
            DeleteUnused(target + ModelFiles.PartSuffix);
            if (file.Sha256 is null)
                ModelFiles.Record(target, hash);
            return file.Sha256 is not null;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new ModelException($"{file.Path} cannot be taken from {folder}: {e.Message.TrimEnd('.')}", e);
        }
        finally
        {
            File.Delete(part);
        }
    }

    // One that is being written belongs to who writes it.
    private static void DeleteUnused(string download)
    {
        try
        {
            if (!File.Exists(download))
                return;
            using var alone = PartFile.OpenStream(download);
            File.Delete(download);
            File.Delete(download + PartFile.TagSuffix);
        }
        catch (IOException)
        {
            // Another program has it open, or it is a link.
        }
    }

    private static string Find(string folder, ModelFile file)
    {
        string[] names = file.Url is null ? [Path.GetFileName(file.Path)]
            : [Path.GetFileName(file.Path), Path.GetFileName(new Uri(file.Url).LocalPath)];
        var everywhere = new EnumerationOptions { RecurseSubdirectories = true, IgnoreInaccessible = true };
        var found = new[] { Path.Combine(folder, file.Path) }.Where(File.Exists)
            .Concat(names.Distinct().SelectMany(name => Directory.EnumerateFiles(folder, name, everywhere).Order(StringComparer.Ordinal)))
            .ToList();
        var fitting = found.FirstOrDefault(path => file.Size is null || new FileInfo(path).Length == file.Size);
        return fitting ?? throw new ModelException(found.Count == 0
            ? $"{folder} has no {string.Join(" or ", names.Distinct())}"
            : $"{found[0]} has {new FileInfo(found[0]).Length} bytes, not the {file.Size} of {file.Path}");
    }
}
