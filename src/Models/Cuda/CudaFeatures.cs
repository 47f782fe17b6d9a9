using TorchSharp;
using static TorchSharp.torch;

namespace StreamDiff.Models.Cuda;

/// <summary>What a device can do beyond what all can.</summary>
public static class CudaFeatures
{
    // Ada: the first that multiplies float8.
    private static readonly (int Major, int Minor) Float8Capability = (8, 9);

    /// <summary>Why products cannot be computed in float8 there; null where they can.</summary>
    public static string? WhyNoFloat8(Device device)
    {
        if (device.type != DeviceType.CUDA)
            return $"{device} does not multiply float8; NVIDIA GPUs since 2022 do";
        try
        {
            using var context = new CudaContext(Math.Max(device.index, 0));
            return context.Capability.CompareTo(Float8Capability) >= 0
                ? null
                : $"{device} does not multiply float8: its compute capability is {context.Capability.Major}.{context.Capability.Minor}, "
                    + $"and {Float8Capability.Major}.{Float8Capability.Minor} is needed";
        }
        catch (CudaException e)
        {
            return e.Message;
        }
    }
}
