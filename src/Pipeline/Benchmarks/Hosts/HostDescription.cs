using System.Diagnostics;
using System.Globalization;
using System.Reflection;
using System.Runtime.InteropServices;
using StreamDiff.Models.Native;
using TorchSharp;

namespace StreamDiff.Pipeline.Benchmarks.Hosts;

/// <summary>The machine and the versions that figures were taken with.</summary>
public static class HostDescription
{
    /// <summary>Processor, cores, memory, operating system, and the GPU where one is used.</summary>
    public static IReadOnlyDictionary<string, string> Hardware(torch.Device device)
    {
        var cores = Physical();
        return new SortedDictionary<string, string>(StringComparer.Ordinal)
        {
            ["cpu"] = First("/proc/cpuinfo", "model name") ?? RuntimeInformation.ProcessArchitecture.ToString(),
            ["cores"] = $"{(cores > 0 ? $"{cores} cores here, " : "")}{Environment.ProcessorCount} processors for this process",
            ["memory"] = $"{GC.GetGCMemoryInfo().TotalAvailableMemoryBytes / 1e9:0.0} GB",
            ["os"] = $"{First("/etc/os-release", "PRETTY_NAME")?.Trim('"') ?? "Linux"}, kernel {Environment.OSVersion.Version}",
            ["gpu"] = device.type == DeviceType.CUDA ? Gpu() : "none used",
        };
    }

    /// <summary>Versions of this program, .NET and libtorch.</summary>
    public static IReadOnlyDictionary<string, string> Software() => new SortedDictionary<string, string>(StringComparer.Ordinal)
    {
        ["streamdiff"] = typeof(HostDescription).Assembly.GetCustomAttribute<AssemblyInformationalVersionAttribute>()?.InformationalVersion ?? "unknown",
        ["dotnet"] = Environment.Version.ToString(),
        ["libtorch"] = LibTorch.Load().Version,
        ["torchsharp"] = typeof(torch).Assembly.GetName().Version?.ToString(3) ?? "unknown",
    };

    /// <summary>What the device is called: the GPU by its name, otherwise the processor.</summary>
    public static string DeviceName(torch.Device device) =>
        device.type == DeviceType.CUDA ? Gpu().Split(';')[0].Split(',')[0] : First("/proc/cpuinfo", "model name") ?? RuntimeInformation.ProcessArchitecture.ToString();

    private static string? First(string file, string key)
    {
        if (!File.Exists(file))
            return null;
        var line = File.ReadLines(file).FirstOrDefault(l => l.StartsWith(key, StringComparison.Ordinal));
        return line?[(line.IndexOfAny([':', '=']) + 1)..].Trim();
    }

    private static int Physical()
    {
        if (!File.Exists("/proc/cpuinfo"))
            return 0;
        var (package, cores) = ("", new HashSet<string>());
        foreach (var line in File.ReadLines("/proc/cpuinfo"))
        {
            if (line.StartsWith("physical id", StringComparison.Ordinal))
                package = line;
            if (line.StartsWith("core id", StringComparison.Ordinal))
                cores.Add(package + line);
        }
        return cores.Count;
    }

    // libtorch's C interface does not tell a device's name; the driver's own tool does.
    private static string Gpu()
    {
        try
        {
            using var tool = Process.Start(new ProcessStartInfo("nvidia-smi", ["--query-gpu=name,memory.total,driver_version", "--format=csv,noheader"]) { RedirectStandardOutput = true, RedirectStandardError = true });
            var lines = tool!.StandardOutput.ReadToEnd().Split('\n', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries);
            tool.WaitForExit();
            return string.Join("; ", lines.GroupBy(l => l).Select(g => string.Create(CultureInfo.InvariantCulture, $"{(g.Count() > 1 ? $"{g.Count()} x " : "")}{g.Key}")));
        }
        catch (Exception e) when (e is System.ComponentModel.Win32Exception or IOException)
        {
            return "CUDA (nvidia-smi is not there to tell its name)";
        }
    }
}
