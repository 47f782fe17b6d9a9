namespace StreamDiff.Models.Native;

/// <summary>
/// Where libtorch lies: the user's choice, then what <see cref="LibTorchChoice"/> remembers, then beside
/// the program (a published or installed one), then the folder written at build time,
/// then the NuGet cache.
/// </summary>
internal static class LibTorchFolder
{
    private const string Package = "libtorch-cpu-linux-x64";

    public static (string Folder, string FoundBy) Find()
    {
        var chosen = Environment.GetEnvironmentVariable(LibTorch.FolderVariable);
        if (!string.IsNullOrEmpty(chosen))
            return Holds(chosen)
                ? (Path.GetFullPath(chosen), LibTorch.FolderVariable)
                : throw new ModelException($"{LibTorch.FolderVariable}={chosen} holds no libtorch_cpu.so: give the 'lib' folder of "
                    + "libtorch or of pip's torch");

        if (LibTorchChoice.Read() is { } remembered)
            return Holds(remembered)
                ? (remembered, "streamdiff setup")
                : throw new ModelException($"the libtorch that was set up is gone from {remembered}: 'streamdiff setup gpu' fetches it "
                    + "again, 'streamdiff setup cpu' forgets it");

        foreach (var (folder, foundBy) in Candidates())
            if (Holds(folder))
                return (folder, foundBy);

        throw new ModelException(
            $"libtorch was not found (looked in {string.Join(", ", Candidates().Select(c => c.Folder))}): in a checkout run dotnet build; "
            + $"an installed program comes from scripts/install; or set {LibTorch.FolderVariable} to a libtorch 'lib' folder");
    }

    private static IEnumerable<(string Folder, string FoundBy)> Candidates()
    {
        yield return (AppContext.BaseDirectory, "program folder");
        yield return (Path.Combine(AppContext.BaseDirectory, "runtimes", "linux-x64", "native"), "program folder");
        yield return (Path.Combine(AppContext.BaseDirectory, "libtorch", "lib"), "program folder");
        if (AppContext.GetData("StreamDiff.LibTorch") is string built)
            yield return (built, "NuGet package");

        var packages = Environment.GetEnvironmentVariable("NUGET_PACKAGES")
            ?? Path.Combine(Environment.GetFolderPath(Environment.SpecialFolder.UserProfile), ".nuget", "packages");
        var versions = Path.Combine(packages, Package);
        if (Directory.Exists(versions))
            foreach (var version in Directory.EnumerateDirectories(versions).OrderDescending(StringComparer.Ordinal))
                yield return (Path.Combine(version, "runtimes", "linux-x64", "native"), "NuGet cache");
    }

    /// <summary>True for a folder that libtorch can be loaded from.</summary>
    public static bool Holds(string folder) => File.Exists(Path.Combine(folder, "libtorch_cpu.so"));
}
