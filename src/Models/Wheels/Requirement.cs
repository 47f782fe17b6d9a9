using System.Text.RegularExpressions;

namespace StreamDiff.Models.Wheels;

/// <summary>Another package that one needs, as <c>Requires-Dist</c> in its METADATA says (PEP 508), as far as torch's packages use
/// it.</summary>
/// <param name="Package">In normal form.</param>
/// <param name="Extras">Parts of it that are wanted.</param>
/// <param name="Version">The version that is asked for with <c>==</c>, perhaps ending with <c>.*</c>; null for any.</param>
/// <param name="Local">Local part of the version that is preferred, such as cu130; empty for none.</param>
internal sealed partial record Requirement(string Package, IReadOnlyList<string> Extras, string? Version, string Local = "")
{
    /// <summary>True for packages with libraries of CUDA; what else torch needs is for Python.</summary>
    public bool IsCuda => Package.StartsWith("nvidia-", StringComparison.Ordinal) || Package == "cuda-toolkit";

    /// <summary>True where a version is what is asked for.</summary>
    public bool Admits(string version) => Version is null
        || (Version.EndsWith(".*", StringComparison.Ordinal)
            ? WheelName.Compare(version, Version[..^2]) == 0 || version.StartsWith(Version[..^1], StringComparison.Ordinal)
            : WheelName.Compare(version, Version) == 0);

    /// <summary>What a package needs on Linux with some of its extras.</summary>
    /// <param name="metadata">The text of its METADATA.</param>
    /// <param name="extras">Those wanted.</param>
    public static IEnumerable<Requirement> Of(string metadata, IReadOnlyList<string> extras)
    {
        // A blank line ends the headers.
        foreach (var line in metadata.Split('\n').Select(l => l.TrimEnd('\r')).TakeWhile(l => l.Length > 0))
        {
            if (Line().Match(line) is not { Success: true } match || !Holds(match.Groups["marker"].Value, extras))
                continue;
            var wanted = Pinned().Match(match.Groups["versions"].Value);
            yield return new Requirement(
                WheelName.Normal(match.Groups["name"].Value),
                match.Groups["extras"].Value.Split(',', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries),
                wanted.Success ? wanted.Groups["version"].Value : null);
        }
    }

    // Markers of these packages ask for systems, processors and extras: what is for Linux on x86-64 is meant.
    private static bool Holds(string marker, IReadOnlyList<string> extras)
    {
        var extra = Extra().Match(marker);
        if (extra.Success && !extras.Contains(extra.Groups["name"].Value))
            return false;
        var systems = System().Matches(marker).Select(m => m.Groups["name"].Value).ToList();
        var machines = Machine().Matches(marker).Select(m => m.Groups["name"].Value).ToList();
        return (systems.Count == 0 || systems.Exists(s => s.StartsWith("linux", StringComparison.OrdinalIgnoreCase)))
            && (machines.Count == 0 || machines.Contains("x86_64"));
    }

    [GeneratedRegex(
        @"^Requires-Dist:\s*(?<name>[\w.-]+)\s*(?:\[(?<extras>[^\]]*)\])?\s*(?<versions>[^;]*?)\s*(?:;\s*(?<marker>.*))?$",
        RegexOptions.CultureInvariant)]
    private static partial Regex Line();

    [GeneratedRegex(@"==\s*(?<version>[\w.*]+)")]
    private static partial Regex Pinned();

    [GeneratedRegex(@"extra\s*==\s*[""'](?<name>[^""']+)[""']")]
    private static partial Regex Extra();

    [GeneratedRegex(@"(?:platform_system|sys_platform)\s*==\s*[""'](?<name>[^""']+)[""']")]
    private static partial Regex System();

    [GeneratedRegex(@"platform_machine\s*==\s*[""'](?<name>[^""']+)[""']")]
    private static partial Regex Machine();
}
