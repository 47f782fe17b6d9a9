using StreamDiff.Models.Files;

namespace StreamDiff.Models.Registry;

public enum ModelFileState
{
    Ok,

    /// <summary>There, of the right size, but no hash to compare with is known, or none was asked for.</summary>
    NotVerified,
    Missing,
    WrongSize,
    WrongHash,
}

/// <summary>State of one file of a model.</summary>
/// <param name="Path">Where it is or should be.</param>
/// <param name="Problem">What is wrong, such as "is missing"; empty when nothing is.</param>
/// <param name="Remedy">What to do about it.</param>
public sealed record ModelFileCheck(ModelFile File, string Path, ModelFileState State, string Problem, string Remedy)
{
    public bool Usable => State is ModelFileState.Ok or ModelFileState.NotVerified;
}

/// <summary>Compares a model's files on disk with its manifest.</summary>
public static class ModelFiles
{
    /// <summary>Extension of the note that the downloader keeps of a file's hash where the manifest has none.</summary>
    internal const string RecordedHash = ".sha256";

    private const int LargestNote = 4096;

    /// <summary>Added by the downloader to the name of an unfinished file.</summary>
    public const string PartSuffix = ".part";

    /// <param name="model">The model.</param>
    /// <param name="hash">False looks at presence and size only, which takes no time.</param>
    /// <param name="roles">The roles to look at; null for all.</param>
    /// <param name="read">Told the file and how many of its bytes have been hashed so far.</param>
    /// <param name="cancellation">Ends the hashing.</param>
    public static IReadOnlyList<ModelFileCheck> Check(
        Model model, bool hash = true, IReadOnlyCollection<string>? roles = null, Action<ModelFile, long>? read = null,
        CancellationToken cancellation = default) =>
        [.. model.Manifest.Files.Where(f => roles is null || roles.Contains(f.Role))
            .Select(f => Check(model, f, hash, read, cancellation))];

    /// <summary>Roles that a run with this autoencoder reads.</summary>
    public static IReadOnlyCollection<string> RolesFor(string vae) => ["dit", "text_encoder", "tokenizer", vae];

    /// <summary>
    /// What keeps a run with this autoencoder from starting, a line each; nothing when all files are there. A model that was never
    /// downloaded is one line.
    /// </summary>
    public static IEnumerable<string> Obstacles(Model model, string vae)
    {
        var files = Check(model, hash: false, RolesFor(vae));
        var unusable = files.Where(f => !f.Usable).ToList();
        if (unusable.Count > 1 && unusable.Count == files.Count
            && unusable.All(f => f.State == ModelFileState.Missing && f.File.Url is not null))
        {
            var size = ByteSize.Text(unusable.Sum(f => f.File.Size ?? 0));
            return [$"model {model.Name} is not downloaded ({unusable.Count} files, {size}): {unusable[0].Remedy}"];
        }
        return unusable.Select(f => $"{f.Path} {f.Problem}: {f.Remedy}");
    }

    private static ModelFileCheck Check(
        Model model, ModelFile file, bool hash, Action<ModelFile, long>? read, CancellationToken cancellation)
    {
        var path = model.PathOf(file);
        if (FileLength.Of(path) is not { } length)
            return Wrong(ModelFileState.Missing, $"is missing{PartNote(path, file)}");
        if (file.Size is { } size && length != size)
            return Wrong(ModelFileState.WrongSize, $"has {length} bytes instead of {size}");
        var expected = file.Sha256 ?? Recorded(path);
        if (!hash || expected is null)
            return new(file, path, ModelFileState.NotVerified, "", "");
        return Sha256.OfFile(path, n => read?.Invoke(file, n), cancellation) == expected
            ? new(file, path, ModelFileState.Ok, "", "")
            : Wrong(ModelFileState.WrongHash, "is damaged or another version (its sha256 differs)");

        ModelFileCheck Wrong(ModelFileState state, string problem) => new(file, path, state, problem, Remedy(model, file));
    }

    private static string PartNote(string path, ModelFile file)
    {
        var part = new FileInfo(path + PartSuffix);
        if (!part.Exists)
            return "";
        return file.Size is > 0 and { } size ? $" ({part.Length * 100 / size} % downloaded)" : " (partly downloaded)";
    }

    private static string Remedy(Model model, ModelFile file) =>
        file.Url is not null
            ? $"streamdiff models pull {model.Name}"
            : $"it comes with the program: restore it (in a checkout: git checkout -- models/{model.Name})";

    private static string? Recorded(string path)
    {
        var note = path + RecordedHash;
        if (!File.Exists(note))
            return null;
        try
        {
            var text = BoundedFile.ReadText(note, LargestNote).Split(' ')[0].Trim();
            return Sha256.IsHex(text) ? text : null;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return null;
        }
    }

    // A link that somebody has put there is replaced, not followed.
    internal static void Record(string path, string hash)
    {
        File.Delete(path + RecordedHash);
        File.WriteAllText(path + RecordedHash, $"{hash}  {Path.GetFileName(path)}\n");
    }
}
