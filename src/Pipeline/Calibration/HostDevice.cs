using System.Diagnostics;
using System.Globalization;
using System.Runtime.InteropServices;
using TorchSharp;

namespace StreamDiff.Pipeline.Calibration;

/// <summary>What the devices of this machine are called.</summary>
public static class HostDevice
{
    /// <summary>The GPU by its name, otherwise the processor.</summary>
    public static string Name(torch.Device device) => device.type == DeviceType.CUDA ? Gpus().Split(';')[0].Split(',')[0] : Processor();

    /// <summary>The processor's own name; its architecture where the system does not tell.</summary>
    public static string Processor()
    {
        var line = File.Exists("/proc/cpuinfo")
            ? File.ReadLines("/proc/cpuinfo").FirstOrDefault(l => l.StartsWith("model name", StringComparison.Ordinal))
            : null;
        return line?[(line.IndexOf(':', StringComparison.Ordinal) + 1)..].Trim() ?? RuntimeInformation.ProcessArchitecture.ToString();
    }

    /// <summary>
    /// All GPUs with memory and driver, kinds joined by semicolons. libtorch's C interface does not tell a device's name; the driver's own
    /// tool does.
    /// </summary>
    public static string Gpus()
    {
        try
        {
            using var tool = Process.Start(
                new ProcessStartInfo("nvidia-smi",
                    ["--query-gpu=name,memory.total,driver_version", "--format=csv,noheader"])
                {
                    RedirectStandardOutput = true,
                    RedirectStandardError = true,
                });
            var lines = tool!.StandardOutput.ReadToEnd()
                .Split('\n', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries);
            tool.WaitForExit();
            return string.Join("; ",
                lines.GroupBy(l => l).Select(
                    g => string.Create(CultureInfo.InvariantCulture, $"{(g.Count() > 1 ? $"{g.Count()} x " : "")}{g.Key}")));
        }
        catch (Exception e) when (e is System.ComponentModel.Win32Exception or IOException)
        {
            return "CUDA (nvidia-smi is not there to tell its name)";
        }
    }
}
