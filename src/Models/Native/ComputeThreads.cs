using System.Globalization;
using static TorchSharp.torch;

namespace StreamDiff.Models.Native;

/// <summary>Threads that libtorch computes with.</summary>
public static class ComputeThreads
{
    private const long UsualStack = 8L << 20;

    /// <summary>Sets how many there are. libtorch makes them later, and where one cannot be made its library ends the process.</summary>
    /// <exception cref="ModelException">So many cannot be made here.</exception>
    public static void Set(int count)
    {
        var stack = Limit("Max stack size") ?? UsualStack;
        if (Limit("Max address space") is { } space && InUse() + count * stack > space)
            throw new ModelException(
                $"{count} compute threads do not fit into this process's memory limit of {space >> 20} MiB, each takes {stack >> 20}: "
                    + "use fewer --threads");
        if (Limit("Max processes") is { } processes && count >= processes || Room() is { } room && count > room)
            throw new ModelException($"{count} compute threads are more than this user or container may have: use fewer --threads");
        set_num_threads(count);
    }

    // "Max address space   unlimited   unlimited   bytes": the first number is the one that counts.
    private static long? Limit(string name) =>
        Line("/proc/self/limits", name) is { } line
        && long.TryParse(line[name.Length..].Split(' ', StringSplitOptions.RemoveEmptyEntries)[0], CultureInfo.InvariantCulture,
            out var value)
            ? value
            : null;

    private static long InUse() =>
        Line("/proc/self/status", "VmSize:")?.Split(' ', StringSplitOptions.RemoveEmptyEntries) is [.., var kilobytes, _]
        && long.TryParse(kilobytes.Split('\t')[^1], CultureInfo.InvariantCulture, out var value)
            ? value << 10
            : 0;

    // Threads that the container may still have.
    private static long? Room() =>
        Line("/sys/fs/cgroup/pids.max", "") is { } most && long.TryParse(most, CultureInfo.InvariantCulture, out var limit)
        && Line("/sys/fs/cgroup/pids.current", "") is { } now && long.TryParse(now, CultureInfo.InvariantCulture, out var current)
            ? limit - current
            : null;

    private static string? Line(string file, string beginning)
    {
        try
        {
            return File.Exists(file) ? File.ReadLines(file).FirstOrDefault(l => l.StartsWith(beginning, StringComparison.Ordinal)) : null;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return null;
        }
    }
}
