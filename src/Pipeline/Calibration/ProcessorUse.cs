using System.Diagnostics;
using System.Globalization;

namespace StreamDiff.Pipeline.Calibration;

/// <summary>Processor time used up to one moment: what is measured counts only while nothing else runs.</summary>
/// <param name="At">Time stamp of <see cref="Stopwatch"/>.</param>
/// <param name="Cpu">Of all threads of this process.</param>
/// <param name="MachineBusy">Of everything on this machine; null where the system does not tell.</param>
public sealed record ProcessorUse(long At, TimeSpan Cpu, TimeSpan? MachineBusy)
{
    /// <summary>Above this others disturb a measurement, in processors.</summary>
    public const double Disturbing = 0.1;

    private const double TicksPerSecond = 100;

    public static ProcessorUse Now()
    {
        using var process = Process.GetCurrentProcess();
        return new ProcessorUse(Stopwatch.GetTimestamp(), process.TotalProcessorTime, Busy());
    }

    /// <summary>Processors that this process kept busy since an earlier moment.</summary>
    public double Processors(ProcessorUse before) => (Cpu - before.Cpu) / Stopwatch.GetElapsedTime(before.At, At);

    /// <summary>
    /// Processors that everything else on the machine kept busy since; null where the system does not tell. More than a few hundredths
    /// spoil figures.
    /// </summary>
    public double? OtherProcessors(ProcessorUse before) =>
        MachineBusy is { } now && before.MachineBusy is { } then
            ? Math.Max(0, (now - then) / Stopwatch.GetElapsedTime(before.At, At) - Processors(before))
            : null;

    // user, nice, system, idle, iowait, irq, softirq, steal
    private static TimeSpan? Busy()
    {
        if (!File.Exists("/proc/stat"))
            return null;
        double[] fields = [.. File.ReadLines("/proc/stat").First().Split(' ', StringSplitOptions.RemoveEmptyEntries).Skip(1).Take(8)
            .Select(f => double.Parse(f, CultureInfo.InvariantCulture))];
        return fields.Length < 8 ? null : TimeSpan.FromSeconds((fields.Sum() - fields[3] - fields[4]) / TicksPerSecond);
    }
}
