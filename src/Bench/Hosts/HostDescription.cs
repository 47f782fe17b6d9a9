using System.Reflection;
using StreamDiff.Models.Native;
using StreamDiff.Pipeline.Calibration;
using TorchSharp;

namespace StreamDiff.Bench.Hosts;

/// <summary>The machine and the versions that figures were taken with.</summary>
public static class HostDescription
{
    /// <summary>Processor, cores, memory, operating system, and the GPU where one is used.</summary>
    public static IReadOnlyDictionary<string, string> Hardware(torch.Device device)
    {
        var cores = Physical();
        return new SortedDictionary<string, string>(StringComparer.Ordinal)
        {
            ["cpu"] = HostDevice.Processor(),
            ["cores"] = $"{(cores > 0 ? $"{cores} cores here, " : "")}{Environment.ProcessorCount} processors for this process",
            ["memory"] = $"{GC.GetGCMemoryInfo().TotalAvailableMemoryBytes / 1e9:0.0} GB",
            ["os"] = $"{SystemName() ?? "Linux"}, kernel {Environment.OSVersion.Version}",
            ["gpu"] = device.type == DeviceType.CUDA ? HostDevice.Gpus() : "none used",
        };
    }

    /// <summary>Versions of this program, .NET and libtorch.</summary>
    public static IReadOnlyDictionary<string, string> Software() => new SortedDictionary<string, string>(StringComparer.Ordinal)
    {
        ["streamdiff"] = typeof(HostDescription).Assembly.GetCustomAttribute<AssemblyInformationalVersionAttribute>()?.InformationalVersion
            ?? "unknown",
        ["dotnet"] = Environment.Version.ToString(),
        ["libtorch"] = LibTorch.Load().Version,
        ["torchsharp"] = typeof(torch).Assembly.GetName().Version?.ToString(3) ?? "unknown",
    };

    private static string? SystemName()
    {
        const string file = "/etc/os-release", key = "PRETTY_NAME=";
        var line = File.Exists(file) ? File.ReadLines(file).FirstOrDefault(l => l.StartsWith(key, StringComparison.Ordinal)) : null;
        return line?[key.Length..].Trim('"');
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
}
