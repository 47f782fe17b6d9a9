using System.Text.RegularExpressions;
using Microsoft.AspNetCore.Http;
using StreamDiff.Models.Files;
using StreamDiff.Pipeline.Control.Presets;
using StreamDiff.Server.Problems;

namespace StreamDiff.Server.Storage;

/// <summary>Where a studio keeps its keys, presets, webhooks, recordings and logs.</summary>
/// <param name="root">The folder; made when something is kept.</param>
public sealed partial class StudioFolder(string root)
{
    /// <summary>The user's data folder.</summary>
    public static string Default => UserFolder.Data("studio");

    public string Root { get; } = Path.GetFullPath(root);

    /// <summary>A name that may be one of a file: letters, digits, dots, hyphens and underscores, 64 at most, none but those.</summary>
    public static bool IsName(string? name) => name is not null && Name().IsMatch(name);

    /// <summary>The same, or an answer that says so.</summary>
    /// <param name="name">As it was given.</param>
    /// <param name="what">What it is the name of.</param>
    /// <exception cref="RefusedException">It is none.</exception>
    public static string Checked(string? name, string what) => IsName(name) ? name! : throw new RefusedException(
        StatusCodes.Status400BadRequest,
        $"the name of a {what} has letters, digits, dots, hyphens and underscores, 64 at most, and begins with a letter or a digit");

    /// <summary>Presets that are kept here, and the built-in ones.</summary>
    public PresetLibrary Presets => field ??= new PresetLibrary(File("presets"));

    /// <summary>A file of the studio's own.</summary>
    public string File(string name) => Path.Combine(Root, name);

    /// <summary>The folder of a session's recordings.</summary>
    public string Recordings(string session) => Path.Combine(Root, "recordings", Checked(session, "session"));

    /// <summary>A session's log.</summary>
    public string Log(string session) => Path.Combine(Root, "logs", $"{Checked(session, "session")}.log");

    /// <summary>The folder of replays.</summary>
    public string Replays => Path.Combine(Root, "replays");

    [GeneratedRegex(@"\A[A-Za-z0-9][A-Za-z0-9._-]{0,63}\z")]
    private static partial Regex Name();
}
