using System.Text;
using StreamDiff.Models.Files;
using StreamDiff.Transport.Files;

namespace StreamDiff.Pipeline.Control.Presets;

/// <summary>
/// Presets in folders, a YAML file each, with a picture of the same name beside it: the user's own, <c>$STREAMDIFF_PRESETS</c>, and the
/// built-in ones in <c>presets/</c> beside the program or above it. Of several with one name the first counts. From any thread.
/// </summary>
public sealed class PresetLibrary
{
    /// <summary>Environment variable that names a folder of presets.</summary>
    public const string FolderVariable = "STREAMDIFF_PRESETS";

    /// <summary>Most presets that are kept.</summary>
    public const int Most = 500;

    private const int LongestName = 64;
    // With the ending it must be one that a file system takes.
    private const int MostBytes = 240;
    private static readonly string[] Pictures = [".png", ".jpg", ".webp"];

    private readonly Lock _gate = new();
    private readonly string[] _folders;
    private readonly string? _builtIn;
    private readonly string _own;

    /// <param name="own">The folder that presets are kept in; need not be there.</param>
    public PresetLibrary(string own)
        : this(own, Environment.GetEnvironmentVariable(FolderVariable), AppContext.BaseDirectory)
    {
    }

    internal PresetLibrary(string own, string? chosen, string programFolder)
    {
        _own = own;
        _builtIn = BuiltIn(programFolder);
        _folders = [.. new[] { own, string.IsNullOrEmpty(chosen) ? null : chosen, _builtIn }.OfType<string>()];
    }

    /// <summary>The built-in ones and those that the user keeps on the studio's page.</summary>
    public static PresetLibrary Default { get; } = new(UserFolder.Data("studio", "presets"));

    /// <summary>Presets that can be read, by name.</summary>
    public IReadOnlyList<Preset> All
    {
        get
        {
            lock (_gate)
                return
                [
                    .. _folders.SelectMany(FilesIn).Select(TryRead).OfType<Preset>().DistinctBy(p => p.Name, StringComparer.Ordinal)
                        .OrderBy(p => p.Name, StringComparer.Ordinal),
                ];
        }
    }

    /// <summary>Why a text cannot be a preset's name; null where it can.</summary>
    public static string? NameProblem(string? name) =>
        name is { Length: >= 1 and <= LongestName } && name[0] != '.' && !name.Contains('/', StringComparison.Ordinal)
        && !name.Any(char.IsControl) && !HasHalfPair(name) && Encoding.UTF8.GetByteCount(name) <= MostBytes
            ? null
            : $"the name of a preset has 1 to {LongestName} characters without a slash, and does not begin with a dot";

    /// <summary>A preset; null where there is none.</summary>
    /// <exception cref="ControlException">Its file is damaged.</exception>
    public Preset? Find(string name)
    {
        if (NameProblem(name) is not null)
            return null;
        lock (_gate)
            return _folders.Select(f => Path.Combine(f, name + PresetFile.Extension)).FirstOrDefault(File.Exists) is { } path
                ? Read(path)
                : null;
    }

    /// <summary>A change as those that the stream makes: those of the preset where it is one.</summary>
    /// <exception cref="ControlException">There is no such preset, it is damaged, or changes nothing.</exception>
    public IReadOnlyList<ControlChange> Expand(ControlChange change)
    {
        if (change is not PresetChange wanted)
            return [change];
        var preset = Find(wanted.Name) ?? throw new ControlException($"there is no preset named {wanted.Name}{Similar()}");
        var changes = preset.Changes(wanted.Glide, wanted.Kind);
        return changes.Count > 0 ? changes : throw new ControlException($"preset {wanted.Name} changes nothing");
    }

    /// <summary>Keeps a preset among the user's own, in the place of one of that name.</summary>
    /// <param name="preset">Its settings.</param>
    /// <param name="thumbnail">A picture, and the ending of its kind: .png, .jpg or .webp; null for none.</param>
    /// <returns>As it is kept.</returns>
    /// <exception cref="IOException">It cannot be written.</exception>
    public Preset Keep(Preset preset, (string Ending, byte[] Bytes)? thumbnail) => Keep([(preset, thumbnail)])[0];

    /// <summary>The same for several: all or none, on a full disk too.</summary>
    /// <exception cref="IOException">One of them cannot be written.</exception>
    public IReadOnlyList<Preset> Keep(IReadOnlyList<(Preset Preset, (string Ending, byte[] Bytes)? Thumbnail)> presets)
    {
        lock (_gate)
        {
            Directory.CreateDirectory(_own);
            using var files = new WholeFiles();
            foreach (var (preset, thumbnail) in presets)
            {
                files.Add(PathOf(preset), Encoding.UTF8.GetBytes(PresetFile.Write(preset)));
                if (thumbnail is var (ending, bytes))
                    files.Add(Path.Combine(_own, preset.Name + ending), bytes);
            }
            var before = presets.Select(p => PathOf(p.Preset)).Distinct(StringComparer.Ordinal)
                .ToDictionary(path => path, path => File.Exists(path) ? VersionOf(path) : 0, StringComparer.Ordinal);
            files.Take();
            foreach (var (preset, thumbnail) in presets)
                foreach (var ending in Pictures.Where(e => e != thumbnail?.Ending))
                    File.Delete(Path.Combine(_own, preset.Name + ending));
            // The clock may stand still between two changes.
            foreach (var (path, version) in before)
                if (VersionOf(path) <= version)
                    File.SetLastWriteTimeUtc(path, DateTimeOffset.FromUnixTimeMilliseconds(version + 1).UtcDateTime);
            return [.. presets.Select(p => Read(PathOf(p.Preset)))];
        }

        string PathOf(Preset preset) => Path.Combine(_own, preset.Name + PresetFile.Extension);
    }

    /// <summary>Deletes one of the user's own; false where there is none.</summary>
    public bool Delete(string name)
    {
        if (NameProblem(name) is not null)
            return false;
        lock (_gate)
        {
            var path = Path.Combine(_own, name + PresetFile.Extension);
            if (!File.Exists(path))
                return false;
            File.Delete(path);
            foreach (var ending in Pictures)
                File.Delete(Path.Combine(_own, name + ending));
            return true;
        }
    }

    private Preset Read(string path) => PresetFile.Read(path) with
    {
        Version = VersionOf(path),
        IsBuiltIn = Path.GetDirectoryName(path) == _builtIn,
        ThumbnailFile = Pictures.Select(e => path[..^PresetFile.Extension.Length] + e).FirstOrDefault(File.Exists),
    };

    // One that is damaged hides no other.
    private Preset? TryRead(string path)
    {
        try
        {
            return NameProblem(Path.GetFileNameWithoutExtension(path)) is null ? Read(path) : null;
        }
        catch (ControlException)
        {
            return null;
        }
    }

    private string Similar()
    {
        var names = All.Select(p => p.Name).ToList();
        return names.Count == 0 ? "" : $": there are {string.Join(", ", names.Take(12))}{(names.Count > 12 ? " ..." : "")}";
    }

    private static IEnumerable<string> FilesIn(string folder)
    {
        try
        {
            return Directory.Exists(folder) ? Directory.GetFiles(folder, "*" + PresetFile.Extension).Take(2 * Most) : [];
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return [];
        }
    }

    private static long VersionOf(string path) => new DateTimeOffset(File.GetLastWriteTimeUtc(path)).ToUnixTimeMilliseconds();

    private static bool HasHalfPair(string name) => name.EnumerateRunes().Any(r => r == Rune.ReplacementChar);

    // A checkout has it above the program.
    private static string? BuiltIn(string programFolder)
    {
        for (var folder = new DirectoryInfo(programFolder); folder is not null; folder = folder.Parent)
            if (Path.Combine(folder.FullName, "presets") is var presets && FilesIn(presets).Any())
                return presets;
        return null;
    }
}
