using System.Runtime.InteropServices;

namespace StreamDiff.Models.Registry.Download;

/// <summary>
/// Models share files: the text encoder of 11 GB is the same in all Wan models. A file that another model has, byte for byte, is linked
/// instead of downloaded again.
/// </summary>
public static partial class ModelSharing
{
    /// <summary>True when <paramref name="file"/> is in its place now, as another name of a file that was there already.</summary>
    public static bool TryLink(ModelCatalog catalog, Model model, ModelFile file, CancellationToken cancellation = default)
    {
        if (file.Sha256 is null)
            return false;
        var target = model.PathOf(file);
        foreach (var path in Copies(catalog, model, file).Where(p => p != target && File.Exists(p)))
        {
            if (Sha256.OfFile(path, cancellation: cancellation) != file.Sha256)
                continue;
            Directory.CreateDirectory(Path.GetDirectoryName(target)!);
            File.Delete(target);
            // Another disk, or a file system without links: then it is downloaded.
            if (Link(path, target) == 0)
                return true;
        }
        return false;
    }

    private static IEnumerable<string> Copies(ModelCatalog catalog, Model model, ModelFile file)
    {
        foreach (var name in catalog.Names.Where(n => n != model.Name))
        {
            if (catalog.TryFind(name) is { } other)
                foreach (var same in other.Manifest.Files.Where(f => f.Sha256 == file.Sha256))
                    yield return other.PathOf(same);
        }
    }

    [LibraryImport("libc", EntryPoint = "link", StringMarshalling = StringMarshalling.Utf8)]
    private static partial int Link(string from, string to);
}
