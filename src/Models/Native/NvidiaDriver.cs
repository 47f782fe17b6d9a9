using System.Diagnostics;
using System.Globalization;
using System.Text.RegularExpressions;

namespace StreamDiff.Models.Native;

/// <summary>A graphics card as its driver describes it.</summary>
/// <param name="Name">Such as NVIDIA H200.</param>
/// <param name="Bytes">Its memory; 0 where that is not told.</param>
/// <param name="Capability">Compute capability, such as 9.0; null where that is not told.</param>
public sealed record NvidiaCard(string Name, long Bytes, Version? Capability);

/// <summary>
/// NVIDIA's display driver and its cards, from the driver's own tool (<c>nvidia-smi --query-gpu</c>), else from <c>/proc/driver/nvidia</c>.
/// Needs no libtorch.
/// </summary>
/// <param name="Version">Such as 580.95.05.</param>
/// <param name="Cards">Those that this process may use; empty where the driver does not tell.</param>
/// <param name="Problem">What the driver's tool says is wrong; null for nothing.</param>
public sealed partial record NvidiaDriver(string Version, IReadOnlyList<NvidiaCard> Cards, string? Problem = null)
{
    private const string Tool = "nvidia-smi";
    private const string VersionFile = "/proc/driver/nvidia/version";
    private const string CardsFolder = "/proc/driver/nvidia/gpus";
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(30);

    // CUDA Toolkit release notes, "CUDA Toolkit and Minimum Required NVIDIA Driver Version for CUDA Minor Version Compatibility".
    private static readonly (int Driver, int Cuda)[] Needed = [(580, 13), (525, 12), (450, 11)];

    /// <summary>The first number of its version; 0 where it has none.</summary>
    public int Major => int.TryParse(Version.Split('.')[0], NumberStyles.None, CultureInfo.InvariantCulture, out var major) ? major : 0;

    /// <summary>The newest CUDA whose programs this driver runs, by its first number; null before 11.</summary>
    public int? Cuda => Needed.Where(n => Major >= n.Driver).Select(n => (int?)n.Cuda).FirstOrDefault();

    /// <summary>Cards, memory and driver in words, kinds joined by semicolons.</summary>
    public string Text => string.Join("; ", Cards.GroupBy(c => c).Select(g => string.Create(CultureInfo.InvariantCulture,
        $"{(g.Count() > 1 ? $"{g.Count()} x " : "")}{g.Key.Name}{(g.Key.Bytes > 0 ? $", {g.Key.Bytes / 1e9:0} GB" : "")}")).Append(
            $"driver {Version}"));

    /// <summary>Looks for it; null where this machine or container has none.</summary>
    public static NvidiaDriver? Find()
    {
        // Drivers before 510 do not know the last field and answer with an error.
        var (lines, error) = Ask("name,memory.total,driver_version,compute_cap");
        if (lines.Count == 0)
            (lines, error) = Ask("name,memory.total,driver_version") is { Lines.Count: > 0 } older ? older : ([], error);
        var cards = lines.Select(l => l.Split(',', StringSplitOptions.TrimEntries)).Where(f => f.Length >= 3).ToList();
        if (cards.Count > 0)
            return new NvidiaDriver(cards[0][2], [.. cards.Select(Card)]);
        return Kernel() is { } loaded ? new NvidiaDriver(loaded, [.. KernelCards()], error) : null;
    }

    private static NvidiaCard Card(string[] fields) => new(
        fields[0],
        long.TryParse(fields[1].Split(' ')[0], NumberStyles.None, CultureInfo.InvariantCulture, out var mib) ? mib << 20 : 0,
        fields.Length > 3 && System.Version.TryParse(fields[3], out var capability) ? capability : null);

    private static (IReadOnlyList<string> Lines, string? Error) Ask(string fields)
    {
        // Never that of the working directory, which Process.Start looks at before PATH.
        var path = (Environment.GetEnvironmentVariable("PATH") ?? "").Split(':').Where(Path.IsPathRooted)
            .Select(folder => Path.Combine(folder, Tool)).FirstOrDefault(File.Exists);
        if (path is null)
            return ([], null);
        try
        {
            using var tool = Process.Start(new ProcessStartInfo(path, [$"--query-gpu={fields}", "--format=csv,noheader"])
            {
                RedirectStandardOutput = true,
                RedirectStandardError = true,
            })!;
            var errors = tool.StandardError.ReadToEndAsync();
            var output = tool.StandardOutput.ReadToEndAsync();
            // A card that hangs makes the tool hang.
            if (!tool.WaitForExit(Patience))
            {
                tool.Kill();
                return ([], $"{Tool} does not answer");
            }
            var lines = output.Result.Split('\n', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries);
            return tool.ExitCode == 0
                ? (lines, null)
                : ([], $"{Tool} says: {lines.Concat(errors.Result.Split('\n')).FirstOrDefault(l => l.Trim().Length > 0)?.Trim()}");
        }
        catch (Exception e) when (e is System.ComponentModel.Win32Exception or IOException)
        {
            return ([], null);
        }
    }

    // "NVRM version: NVIDIA UNIX x86_64 Kernel Module  580.95.05  Tue ..."
    private static string? Kernel() => Lines(VersionFile).Select(l => Number().Match(l)).FirstOrDefault(m => m.Success)?.Value;

    private static IEnumerable<NvidiaCard> KernelCards() =>
        (Directory.Exists(CardsFolder) ? Directory.EnumerateDirectories(CardsFolder) : [])
            .SelectMany(d => Lines(Path.Combine(d, "information")))
            .Where(l => l.StartsWith("Model:", StringComparison.Ordinal))
            .Select(l => new NvidiaCard(l["Model:".Length..].Trim(), 0, null));

    private static string[] Lines(string file)
    {
        try
        {
            return File.Exists(file) ? File.ReadAllLines(file) : [];
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return [];
        }
    }

    [GeneratedRegex(@"\b\d{3}\.\d+(\.\d+)?\b")]
    private static partial Regex Number();
}
