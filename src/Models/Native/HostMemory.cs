using System.Globalization;
using System.Runtime.InteropServices;

namespace StreamDiff.Models.Native;

/// <summary>What this machine, or the container around the program, has room for; asked before anything large is made.</summary>
public static class HostMemory
{
    /// <summary>
    /// Bytes that could be allocated now without pushing anything out: what the system calls available, and not more than the limit of the
    /// container.
    /// </summary>
    public static long Available
    {
        get
        {
            var limit = GC.GetGCMemoryInfo().TotalAvailableMemoryBytes;
            // Where the collector has a limit of its own it is below the container's: a part of it is as good an answer as any.
            return Math.Min(limit > 0 ? limit : long.MaxValue, SystemAvailable() ?? long.MaxValue);
        }
    }

    /// <summary>Throws unless there is room for so much.</summary>
    /// <param name="bytes">Bytes; of a sum that is larger than a number holds, <see cref="long.MaxValue"/>.</param>
    /// <param name="what">What they are for, with its sizes, as the beginning of a sentence.</param>
    /// <exception cref="ModelException">There is not.</exception>
    public static void Require(long bytes, string what)
    {
        if (Available is var available && bytes > available)
            throw new ModelException(
                $"{what} would take {(bytes == long.MaxValue ? "more memory than can be counted" : Text(bytes))}: "
                    + $"{Text(available)} are free");
    }

    /// <summary>True where memory of a device or of the machine was exhausted, however deep inside.</summary>
    public static bool IsExhausted(Exception? error) => error is not null && (error is OutOfMemoryException or InsufficientMemoryException
        || error is ExternalException && IsSaid(error.Message.Split('\n')[0]) || IsExhausted(error.InnerException));

    /// <summary>The product of sizes; <see cref="long.MaxValue"/> where it is larger.</summary>
    public static long Product(params ReadOnlySpan<long> sizes)
    {
        var product = 1L;
        foreach (var size in sizes)
        {
            if (size > 0 && product > long.MaxValue / size)
                return long.MaxValue;
            product *= size;
        }
        return product;
    }

    // Of CUDA's and the CPU's allocators in libtorch, and the system's.
    private static bool IsSaid(string text) =>
        ((string[])["out of memory", "can't allocate memory", "cannot allocate memory", "not enough memory", "bad_alloc"])
        .Any(said => text.Contains(said, StringComparison.OrdinalIgnoreCase));

    private static string Text(long bytes) => string.Create(CultureInfo.InvariantCulture, $"{bytes / 1e9:0.0} GB");

    private static long? SystemAvailable()
    {
        try
        {
            const string Name = "MemAvailable:";
            var line = File.ReadLines("/proc/meminfo").FirstOrDefault(l => l.StartsWith(Name, StringComparison.Ordinal));
            return line is not null
                && long.TryParse(line.AsSpan(Name.Length).Trim().TrimEnd("kB").TrimEnd(), NumberStyles.None, CultureInfo.InvariantCulture,
                    out var kb)
                ? kb << 10
                : null;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return null;
        }
    }
}
