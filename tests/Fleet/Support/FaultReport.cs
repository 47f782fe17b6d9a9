using System.Globalization;

namespace StreamDiff.Fleet.Tests.Support;

/// <summary>What faults did, as rows of a table: written to the file that FLEET_FAULTS names, for scripts/fleet-faults.</summary>
internal static class FaultReport
{
    private static readonly Lock Gate = new();

    public static void Add(string fault, string seen, params TimeSpan[] took)
    {
        if (Environment.GetEnvironmentVariable("FLEET_FAULTS") is not { Length: > 0 } file)
            return;
        var sorted = took.Order().ToArray();
        var times = sorted.Length switch
        {
            0 => "",
            1 => Seconds(sorted[0]),
            _ => $"{Seconds(sorted[(sorted.Length - 1) / 2])}, {Seconds(sorted[^1])} ({sorted.Length})",
        };
        lock (Gate)
            File.AppendAllText(file, $"| {fault} | {seen} | {times} |\n");
    }

    private static string Seconds(TimeSpan time) => string.Create(CultureInfo.InvariantCulture, $"{time.TotalSeconds:0.00} s");
}
