using static TorchSharp.torch;

namespace StreamDiff.Models.Cuda;

/// <summary>A place in what a device was given to do.</summary>
public interface IDeviceMark : IDisposable
{
    /// <summary>True when everything before it is done.</summary>
    bool IsReached { get; }

    /// <summary>Waits until it is.</summary>
    /// <exception cref="ModelException">The device failed.</exception>
    void Wait();

    /// <summary>How long the device took from an earlier mark to this one; both have been reached.</summary>
    /// <param name="earlier">Of the same device.</param>
    /// <exception cref="ModelException">The device failed.</exception>
    TimeSpan Since(IDeviceMark earlier);

    /// <summary>Marks the end of what this thread gave a device; null where that is done already, as on a CPU.</summary>
    /// <exception cref="ModelException">The device failed.</exception>
    static IDeviceMark? After(Device device) => device.type == TorchSharp.DeviceType.CUDA ? new CudaMark(Math.Max(device.index, 0)) : null;
}
