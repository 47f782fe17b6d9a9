using System.IO.Compression;
using System.Text.RegularExpressions;
using StreamDiff.Models.Registry;
using StreamDiff.Models.Registry.Download;

namespace StreamDiff.Models.Wheels;

/// <summary>What is fetched, and what is told of it.</summary>
public sealed record TorchWheelsOptions
{
    /// <summary>torch's version, such as 2.11.0.</summary>
    public required string Version { get; init; }

    /// <summary>For which CUDA, as the local part of its version says it, such as cu130.</summary>
    public required string Variant { get; init; }

    /// <summary>Indexes (PEP 503), the first one that has a package is taken.</summary>
    public IReadOnlyList<Uri> Indexes { get; init; } = [];

    /// <summary>A folder with the wheels, in place of indexes; null for none.</summary>
    public string? Folder { get; init; }

    /// <summary>Told how far a wheel is.</summary>
    public Action<ModelFile, DownloadProgress> Progress { get; init; } = (_, _) => { };
}

/// <summary>
/// Fetches a libtorch for CUDA: the libraries of torch's wheel and of those NVIDIA wheels that it asks for, laid out as pip would lay them
/// out, for torch's libraries look for the others in that way. Python is neither needed nor fetched. What was interrupted goes on where it
/// stopped.
/// </summary>
public static partial class TorchWheels
{
    private const string Metadata = ".metadata";
    private const string Draft = ".part";
    private const int LongestMetadata = 4 << 20;

    // More than all libraries of a wheel have, against an archive that unpacks without end.
    private const long MostUnpacked = 16L << 30;

    /// <summary>Fetches it into a folder, which has everything or is not there.</summary>
    /// <returns>The <c>lib</c> folder of libtorch.</returns>
    /// <exception cref="DownloadException">Something cannot be had, is damaged, or there is no room.</exception>
    public static async Task<string> Fetch(string target, TorchWheelsOptions options, CancellationToken cancellation = default)
    {
        var library = Path.Combine(target, "torch", "lib");
        if (File.Exists(Path.Combine(library, "libtorch_cpu.so")))
            return library;
        List<WheelSource> sources = options.Folder is { } folder ? [WheelSource.Of(folder)] : [.. options.Indexes.Select(WheelSource.Of)];
        var draft = target + ".part";
        try
        {
            Directory.CreateDirectory(draft);
            using var client = new HttpClient(new SocketsHttpHandler { AllowAutoRedirect = false }) { Timeout = TimeSpan.FromMinutes(1) };
            using var downloader = new ModelDownloader(new DownloadOptions { Hubs = [] });
            // What names a version comes before what takes any.
            var waiting = new PriorityQueue<Requirement, bool>([(new Requirement("torch", [], options.Version, options.Variant), false)]);
            var seen = new HashSet<string>(StringComparer.Ordinal);
            while (waiting.TryDequeue(out var wanted, out _))
            {
                if (!seen.Add(wanted.Package))
                    continue;
                var link = await Choose(sources, client, wanted, cancellation).ConfigureAwait(false);
                var needs = Requirement.Of(await Take(draft, link, downloader, options, cancellation).ConfigureAwait(false), wanted.Extras);
                waiting.EnqueueRange(needs.Where(n => n.IsCuda).Select(n => (n, n.Version is null)));
            }
            if (!File.Exists(Path.Combine(draft, "torch", "lib", "libtorch_cuda.so")))
                throw new DownloadException(
                    $"torch {options.Version} of {sources[0].Text} is for the CPU only: give an index that has it for CUDA");
            foreach (var note in Directory.EnumerateFiles(draft, "*" + Metadata))
                File.Delete(note);
            Directory.Move(draft, target);
            return library;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or InvalidDataException)
        {
            throw new DownloadException($"{target} cannot be filled: {e.Message.ReplaceLineEndings(" ").TrimEnd('.')}", e);
        }
    }

    private static async Task<WheelLink> Choose(
        List<WheelSource> sources, HttpClient client, Requirement wanted, CancellationToken cancellation)
    {
        var others = new List<string>();
        // A wheel for this CUDA, wherever it is, comes before one that does not say which it is for.
        foreach (var isExact in wanted.Local.Length > 0 ? (bool[])[true, false] : [false])
            foreach (var source in sources)
            {
                IReadOnlyList<WheelLink> links;
                try
                {
                    links = await source.Find(client, wanted.Package, cancellation).ConfigureAwait(false);
                }
                catch (DownloadException) when (isExact)
                {
                    // Told of where no other source has it.
                    continue;
                }
                var fitting = links.Where(l => wanted.Admits(l.Wheel.Version)
                    && (l.Wheel.Local == wanted.Local || (!isExact && l.Wheel.Local.Length == 0))).ToList();
                if (fitting.Count > 0)
                    return fitting.OrderBy(l => l.Wheel.Local == wanted.Local)
                        .ThenBy(l => l.Wheel.Version, Comparer<string>.Create(WheelName.Compare))
                        .ThenBy(l => l.Wheel.Python, Comparer<string>.Create(WheelName.Compare)).Last();
                others.AddRange(links.Select(l => l.Wheel).Select(w => w.Local.Length > 0 ? $"{w.Version}+{w.Local}" : w.Version));
            }
        var has = others.Distinct().OrderDescending(Comparer<string>.Create(WheelName.Compare)).Take(6).ToList();
        var what = wanted.Package + (wanted.Version is null ? "" : $" {wanted.Version}")
            + (wanted.Local.Length > 0 ? $" for {wanted.Local}" : "");
        throw new DownloadException(
            $"{string.Join(" and ", sources.Select(s => s.Text))} {(sources.Count == 1 ? "has" : "have")} no wheel of {what} "
            + $"for Linux on x86-64{(has.Count == 0 ? "" : $" (but of {string.Join(", ", has)})")}");
    }

    // Its METADATA is kept when its libraries have been unpacked: it need not be fetched again then.
    private static async Task<string> Take(
        string draft, WheelLink link, ModelDownloader downloader, TorchWheelsOptions options, CancellationToken cancellation)
    {
        var note = Path.Combine(draft, link.Name + Metadata);
        if (File.Exists(note))
            return await File.ReadAllTextAsync(note, cancellation).ConfigureAwait(false);
        if (link.Address.IsFile)
            return Unpack(link.Address.LocalPath, draft, note, cancellation);
        var file = new ModelFile { Path = link.Name, Role = "libtorch", Url = link.Address.ToString(), Sha256 = link.Sha256 };
        var wheel = Path.Combine(draft, link.Name);
        // Whole, and not unpacked when the disk was full or somebody stopped it.
        if (link.Sha256 is null || !File.Exists(wheel) || Sha256.OfFile(wheel, cancellation: cancellation) != link.Sha256)
            await downloader.Download(file, wheel, new Reporter(p => options.Progress(file, p)), cancellation).ConfigureAwait(false);
        var metadata = Unpack(wheel, draft, note, cancellation);
        File.Delete(wheel);
        File.Delete(wheel + ModelFiles.RecordedHash);
        return metadata;
    }

    private static string Unpack(string wheel, string draft, string note, CancellationToken cancellation)
    {
        using var archive = ZipFile.OpenRead(wheel);
        var metadata = archive.Entries.FirstOrDefault(e => MetadataPath().IsMatch(e.FullName))
            ?? throw new DownloadException($"{wheel} is no wheel: it has no METADATA");
        if (metadata.Length > LongestMetadata)
            throw new DownloadException($"{wheel} is no wheel: its METADATA has {metadata.Length} bytes");
        var libraries = archive.Entries.Where(e => LibraryPath().IsMatch(e.FullName)).ToList();
        var bytes = libraries.Sum(e => e.Length);
        if (bytes > MostUnpacked || bytes > new DriveInfo(draft).AvailableFreeSpace)
            throw new DownloadException(
                $"{Path.GetFileName(wheel)} needs {ByteSize.Text(bytes)} unpacked, more than the disk of {draft} has free");
        foreach (var library in libraries)
        {
            cancellation.ThrowIfCancellationRequested();
            // Of letters, digits and a few signs between slashes, none of them two dots: it lies inside.
            var path = Path.Combine(draft, library.FullName);
            Directory.CreateDirectory(Path.GetDirectoryName(path)!);
            using var from = library.Open();
            using var to = new FileStream(path, FileMode.Create, FileAccess.Write);
            Copy(from, to, library.Length);
        }
        using var text = new StreamReader(metadata.Open());
        var content = text.ReadToEnd();
        File.WriteAllText(note + Draft, content);
        File.Move(note + Draft, note, overwrite: true);
        return content;
    }

    // The archive's directory says how much comes; not a byte more is taken.
    private static void Copy(Stream from, FileStream to, long bytes)
    {
        var buffer = new byte[1 << 20];
        for (int count; (count = from.Read(buffer)) > 0; bytes -= count)
        {
            if (count > bytes)
                throw new InvalidDataException($"{Path.GetFileName(to.Name)} is longer than its archive says");
            to.Write(buffer, 0, count);
        }
        if (bytes != 0)
            throw new InvalidDataException($"{Path.GetFileName(to.Name)} is shorter than its archive says");
    }

    private sealed class Reporter(Action<DownloadProgress> report) : IProgress<DownloadProgress>
    {
        public void Report(DownloadProgress value) => report(value);
    }

    [GeneratedRegex(@"\A[^/]+\.dist-info/METADATA\z")]
    private static partial Regex MetadataPath();

    // libtorch_python links Python's library, which need not be there.
    [GeneratedRegex(@"\A(?:torch|nvidia/(?:[\w-]+/)?[\w-]+)/lib/(?!libtorch_python)[\w+-][\w+.-]*\.so(?:\.\d+)*\z")]
    private static partial Regex LibraryPath();
}
