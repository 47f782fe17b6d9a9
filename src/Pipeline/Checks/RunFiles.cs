using StreamDiff.Models;
using StreamDiff.Models.Registry;
using StreamDiff.Pipeline.Live;
using StreamDiff.Pipeline.Plan;
using StreamDiff.Pipeline.Ranks;
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
    [
        .. FileUse.Reads(
            ("input", IsFile(options.Input) ? options.Input : null),
            ("timeline", options.Timeline),
            ("control", options.Control is null ? null : StandardInput),
            ("fallback", options.Fallback is FallbackFrame.Last or FallbackFrame.Slate ? null : options.Fallback)),
        .. OfRanks(options.Ranks),
        .. model is null ? [] : OfModel(model),
        .. options.Outputs.Where(IsFile).Select(o => new FileUse(Kind(options), "output", o)),
        .. FileUse.Writes(("contact-sheet", options.ContactSheet), ("log", options.Log)),
    ];

    /// <summary>A model's own files, all of them read.</summary>
    public static IEnumerable<FileUse> OfModel(Model model) =>
        model.Manifest.Files.Select(model.PathOf).Concat(DescriptionNames.Select(name => Path.Combine(model.Folder, name)))
            .Select(path => FileUse.Read($"file {Path.GetFileName(path)} of model {model.Name}", path));

    /// <summary>The file of a list of ranks, and those that it names; none where it is no file.</summary>
    public static IEnumerable<FileUse> OfRanks(string? ranks)
    {
        try
        {
            return ranks is not null && RankList.Parse(ranks) is { File: not null } list
                ? FileUse.Reads(("list of ranks", list.File), ("ranks' secret-file", list.SecretFile), ("ranks' tls-ca", list.TlsAuthority))
                : [];
        }
        catch (ModelException)
        {
            // Told of where ranks are checked.
            return [];
        }
    }

    private static FileUseKind Kind(RestyleOptions options) =>
        !options.IsLive ? FileUseKind.Write : options.SegmentTime is null ? FileUseKind.Record : FileUseKind.RecordSegments;

    private static bool IsFile(string address) => address.Length > 0 && MediaAddress.Parse(address).Kind == MediaKind.File;
}
