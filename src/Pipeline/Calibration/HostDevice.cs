using System.Runtime.InteropServices;
using StreamDiff.Models.Native;
using TorchSharp;

namespace StreamDiff.Pipeline.Calibration;

/// <summary>What the devices of this machine are called.</summary>
public static class HostDevice
{
    /// <summary>The GPU by its name, otherwise the processor.</summary>
    public static string Name(torch.Device device) => device.type != DeviceType.CUDA ? Processor()
        : NvidiaDriver.Find()?.Cards is [var first, ..] ? first.Name
        : "CUDA";

    /// <summary>The processor's own name; its architecture where the system does not tell.</summary>
    public static string Processor()
    {
        var line = File.Exists("/proc/cpuinfo")
            ? File.ReadLines("/proc/cpuinfo").FirstOrDefault(l => l.StartsWith("model name", StringComparison.Ordinal))
            : null;
        return line?[(line.IndexOf(':', StringComparison.Ordinal) + 1)..].Trim() ?? RuntimeInformation.ProcessArchitecture.ToString();
    }

    /// <summary>
    /// All GPUs with memory and driver, kinds joined by semicolons. libtorch's C interface does not tell a device's name.
    /// </summary>
    public static string Gpus() => NvidiaDriver.Find()?.Text ?? "CUDA (the driver does not tell its name)";
}
