namespace StreamDiff.Repository.Tests;

/// <summary>Where the repository lies, and which of its files are ours.</summary>
internal static class RepositoryFiles
{
    public static string Root { get; } = FindRoot();

    /// <summary>The projects of src by folder name, in the order of the alphabet.</summary>
    public static IReadOnlyList<string> Projects { get; } =
        [.. Directory.EnumerateDirectories(Path.Combine(Root, "src")).Select(d => Path.GetFileName(d)).Order(StringComparer.Ordinal)];

    /// <summary>All C# files below a folder, but for what the build makes.</summary>
    /// <param name="folder">Below the root, such as "src".</param>
    public static IEnumerable<string> Sources(string folder) =>
        Directory.EnumerateFiles(Path.Combine(Root, folder), "*.cs", SearchOption.AllDirectories).Where(f => !IsBuilt(f));

    public static bool IsBuilt(string file) =>
        file.Contains("/obj/", StringComparison.Ordinal) || file.Contains("/bin/", StringComparison.Ordinal);

    /// <summary>A file as it is named from the root.</summary>
    public static string Name(string file) => Path.GetRelativePath(Root, file);

    private static string FindRoot()
    {
        for (var folder = new DirectoryInfo(AppContext.BaseDirectory); folder is not null; folder = folder.Parent)
            if (File.Exists(Path.Combine(folder.FullName, "StreamDiff.sln")))
                return folder.FullName;
        throw new DirectoryNotFoundException("StreamDiff.sln was not found above the test binaries");
    }
}
