using StreamDiff.Models.Files;

namespace StreamDiff.Models.Registry;

/// <summary>
/// Finds models: a folder with a <c>model.json</c>. Looked for, in this order: a path given in place of a name, <c>$STREAMDIFF_MODELS</c>,
/// <c>models/</c> beside the program or above it (a checkout), and the user's data folder.
/// </summary>
public sealed class ModelCatalog
{
    /// <summary>Environment variable that names a folder of models; weights are looked for and downloaded there too.</summary>
    public const string FolderVariable = "STREAMDIFF_MODELS";

    private readonly string? _chosen;
    private readonly string _userData;
    private readonly IReadOnlyList<string> _roots;

    public ModelCatalog()
        : this(Environment.GetEnvironmentVariable(FolderVariable), AppContext.BaseDirectory, UserFolder.Data("models"))
    {
    }

    internal ModelCatalog(string? chosen, string programFolder, string userData)
    {
        _chosen = string.IsNullOrEmpty(chosen) ? null : Path.GetFullPath(chosen);
        _userData = userData;
        _roots = [.. Roots(_chosen, programFolder, userData)];
    }

    /// <summary>Where models are looked for, in order; only folders that exist.</summary>
    public IReadOnlyList<string> Folders => _roots;

    /// <summary>Names of all models found, sorted.</summary>
    public IReadOnlyList<string> Names =>
        [.. _roots.SelectMany(Models).Select(f => Path.GetFileName(f)!).Distinct(StringComparer.Ordinal).Order(StringComparer.Ordinal)];

    /// <summary>A model by name, or by the path of its folder.</summary>
    /// <exception cref="ModelException">There is none, or its files are not what they should be.</exception>
    public Model Find(string nameOrPath)
    {
        var folder = FolderOf(nameOrPath) ?? throw new ModelException($"unknown model '{nameOrPath}': " + (Names.Count == 0
            ? $"no models were found; set {FolderVariable} to a folder of models"
            : $"there are {string.Join(", ", Names)}"));
        var name = Path.GetFileName(folder);
        var config = ModelConfigReader.Read(Path.Combine(folder, Model.ConfigFile));
        var manifest = ModelManifest.Read(Path.Combine(folder, Model.ManifestFile));
        var isPath = !_roots.Contains(Path.GetDirectoryName(folder)!);
        return new Model(
            name, folder, isPath ? Path.Combine(folder, Model.WeightsFolderName) : WeightsFolder(name, folder), config, manifest);
    }

    /// <summary>As <see cref="Find"/>, but null for a model that is not there or whose description is damaged.</summary>
    public Model? TryFind(string nameOrPath)
    {
        try
        {
            return Find(nameOrPath);
        }
        catch (ModelException)
        {
            return null;
        }
    }

    private string? FolderOf(string nameOrPath)
    {
        if (nameOrPath.Length == 0)
            return null;
        if (nameOrPath.Contains('/', StringComparison.Ordinal) || nameOrPath is "." or "..")
            return IsModel(nameOrPath) ? Path.TrimEndingDirectorySeparator(Path.GetFullPath(nameOrPath)) : null;
        return _roots.Select(r => Path.Combine(r, nameOrPath)).FirstOrDefault(IsModel)
            ?? (IsModel(nameOrPath) ? Path.GetFullPath(nameOrPath) : null);
    }

    // The first place that has the weights; downloads go to the user's choice, else to the user's data folder, never into an installed
    // program.
    private string WeightsFolder(string name, string folder)
    {
        string?[] places =
        [
            _chosen is null ? null : Weights(Path.Combine(_chosen, name)),
            Weights(folder),
            Weights(Path.Combine(_userData, name)),
        ];
        return places.OfType<string>().FirstOrDefault(Directory.Exists) ?? places[0] ?? places[2]!;

        static string Weights(string model) => Path.Combine(model, Model.WeightsFolderName);
    }

    // A folder that this user may not look into holds nothing for him.
    private static IEnumerable<string> Models(string root) =>
        Directory.EnumerateDirectories(root, "*", new EnumerationOptions { AttributesToSkip = FileAttributes.None }).Where(IsModel);

    private static bool IsModel(string folder) => File.Exists(Path.Combine(folder, Model.ConfigFile));

    private static IEnumerable<string> Roots(string? chosen, string programFolder, string userData)
    {
        var candidates = new List<string?> { chosen };
        for (var folder = new DirectoryInfo(programFolder); folder is not null; folder = folder.Parent)
            candidates.Add(Path.Combine(folder.FullName, "models"));
        // Above a program any folder may be called "models"; only one that holds a model counts.
        return candidates.Append(userData).OfType<string>()
            .Where(f => Directory.Exists(f) && (f == chosen || f == userData || Models(f).Any())).Distinct();
    }
}
