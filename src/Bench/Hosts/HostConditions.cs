using System.Globalization;

namespace StreamDiff.Bench.Hosts;

/// <summary>What else went on while a benchmark ran.</summary>
public static class HostConditions
{
    public const string Others = "processors used by others";

    /// <summary>Conditions since an earlier state, and the time of day, which nothing is measured with.</summary>
    public static IReadOnlyDictionary<string, string> Since(ProcessState before)
    {
        var now = ProcessState.Now();
        return new SortedDictionary<string, string>(StringComparer.Ordinal)
        {
            ["ended"] = TimeProvider.System.GetUtcNow().ToString("yyyy-MM-dd HH:mm 'UTC'", CultureInfo.InvariantCulture),
            [Others] = now.OtherProcessors(before)?.ToString("0.00", CultureInfo.InvariantCulture) ?? "not known",
            ["load average at the end"] = File.Exists("/proc/loadavg") ? File.ReadAllText("/proc/loadavg").Split(' ')[0] : "not known",
        };
    }
}
