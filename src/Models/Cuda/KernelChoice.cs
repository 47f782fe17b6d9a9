using TorchSharp;
using static TorchSharp.torch;

namespace StreamDiff.Models.Cuda;

/// <summary>Whether a network has own kernels on its device.</summary>
internal static class KernelChoice
{
    /// <summary>
    /// Environment variable: <c>aten</c> uses operators of ATen only, <c>kernels</c> own kernels without recording ticks as graphs; by
    /// default both are used where the device has them.
    /// </summary>
    public const string Variable = "STREAMDIFF_CUDA";

    /// <summary>Own kernels; null, with the reason, where there are none.</summary>
    /// <param name="device">Where the network is.</param>
    /// <param name="type">Of its activations.</param>
    /// <param name="source">CUDA C++, see <see cref="KernelSource"/>.</param>
    /// <param name="macros">The network's sizes, but for the type.</param>
    /// <param name="whyNot">Why there are none.</param>
    /// <exception cref="ModelException">The environment asks for what there is not.</exception>
    public static CudaKernels? Create(Device device, ScalarType type, string source, Func<IEnumerable<string>> macros, out string? whyNot)
    {
        if (device.type != DeviceType.CUDA)
        {
            whyNot = "the device is not CUDA";
            return null;
        }
        var choice = Environment.GetEnvironmentVariable(Variable);
        if (choice is not (null or "" or "aten" or "kernels" or "graphs"))
            throw new ModelException($"{Variable}={choice} is unknown: use aten, kernels or graphs");
        whyNot = choice == "aten" ? $"{Variable}=aten"
            : type is not (ScalarType.BFloat16 or ScalarType.Float32) ? $"no kernels for {type}"
            : null;
        if (whyNot is not null)
            return null;
        try
        {
            return new CudaKernels(Math.Max(device.index, 0), source, macros(), choice != "kernels");
        }
        catch (CudaException e)
        {
            whyNot = e.Message;
            return null;
        }
    }
}
