using StreamDiff.Models.Registry;
using StreamDiff.Pipeline.Control;
using StreamDiff.Pipeline.Plan;
using StreamDiff.Transport.Files;
using StreamDiff.Transport.Media.Live;

namespace StreamDiff.Pipeline.Checks;

/// <summary>All files that a run reads and writes, as far as its options name them.</summary>
public static class RunFiles
{
    private const string StandardInput = "/dev/stdin";
    private static readonly string[] DescriptionNames = ["model.json", "manifest.json"];

    /// <param name="options">The run.</param>
    /// <param name="model">Its model; null leaves the model's files out.</param>
    public static IReadOnlyList<FileUse> Of(RestyleOptions options, Model? model = null) =>
        [.. Named(options, model), .. MasksOf(options.Control.Timeline)];

    /// <summary>Those that the options name themselves; nothing is opened to find out.</summary>
    /// <param name="options">The run.</param>
    /// <param name="model">Its model; null leaves the model's files out.</param>
    public static IReadOnlyList<FileUse> Named(RestyleOptions options, Model? model = null) =>
    [
        .. FileUse.Reads(
            ("input", IsFile(options.Input.Address) ? options.Input.Address.Text : null),
            ("timeline", options.Control.Timeline),
            ("control", options.Control.Control is null ? null : StandardInput),
            ("fallback", options.Live.FallbackFile)),
        .. options.Compute.Loras.Select(l => FileUse.Read("lora", l.Path)),
        .. model is null ? [] : FileUse.Reads(("heads", options.Compute.HeadFileFor(model))),
        .. OfRanks(options.Compute.Ranks),
        .. model is null ? [] : OfModel(model),
        .. OfListener(options.Input.Address),
        .. options.Output.Addresses.Where(o => o.Kind == MediaKind.Hls).Select(o => FileUse.Write("output", o.Target)),
        .. options.Output.Addresses.Where(IsFile).Select(o => new FileUse(Kind(options), "output", o.Text)),
        .. FileUse.Writes(("contact-sheet", options.Output.ContactSheet), ("log", options.Control.Log)),
    ];

    /// <summary>A model's own files, all of them read.</summary>
    public static IEnumerable<FileUse> OfModel(Model model) =>
        model.Manifest.Files.Select(model.PathOf).Concat(DescriptionNames.Select(name => Path.Combine(model.Folder, name)))
            .Select(path => FileUse.Read($"file {Path.GetFileName(path)} of model {model.Name}", path));

    /// <summary>The file of a list of ranks, and those that it names; none where it is no file.</summary>
    public static IEnumerable<FileUse> OfRanks(RankList? ranks) => ranks is { File: not null }
        ? FileUse.Reads(("list of ranks", ranks.File), ("ranks' secret-file", ranks.SecretFile), ("ranks' tls-ca", ranks.TlsAuthority))
        : [];

    /// <summary>Files that an address reads where it listens: certificate and key.</summary>
    public static IEnumerable<FileUse> OfListener(MediaAddress address) => address.Kind == MediaKind.RtmpListen
        ? FileUse.Reads(("input's cert", address.Query.GetValueOrDefault("cert")),
            ("input's cert-key", address.Query.GetValueOrDefault("cert-key")))
        : [];

    // What is wrong with the timeline is told elsewhere.
    private static IEnumerable<FileUse> MasksOf(string? timeline) => timeline is null ? []
        : Timeline.Read(timeline, []).Entries.SelectMany(e => e.Change.Opens).Where(m => IsFile(MediaAddress.Parse(m)))
            .Select(m => FileUse.Read("mask", m));

    private static FileUseKind Kind(RestyleOptions options) =>
        !options.IsLive ? FileUseKind.Write : options.Output.SegmentTime is null ? FileUseKind.Record : FileUseKind.RecordSegments;

    private static bool IsFile(MediaAddress address) => address is { Text.Length: > 0, Kind: MediaKind.File };
}
