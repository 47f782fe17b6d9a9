using StreamDiff.Models;
using StreamDiff.Models.Native;
using TorchSharp;
using static TorchSharp.torch;

namespace StreamDiff.Pipeline.Plan;

/// <summary>Where and in which type a run computes.</summary>
public readonly record struct ComputeTarget(Device Device, ScalarType Type)
{
    /// <summary>
    /// Who asks for float32 wants its numbers: on CUDA libtorch would otherwise round convolutions to TF32's ten bits of mantissa.
    /// </summary>
    public static void UseExactFloat32()
    {
        backends.cudnn.allow_tf32 = false;
        backends.cuda.matmul.allow_tf32 = false;
    }

    /// <summary>
    /// Resolves "auto": CUDA where there is one; bfloat16 there and on processors that multiply it themselves, float32 on others.
    /// </summary>
    /// <exception cref="ModelException">CUDA was asked for and is not there.</exception>
    public static ComputeTarget Resolve(DeviceName device, ComputeType type)
    {
        var hasCuda = cuda.is_available();
        if (device.Text.StartsWith("cuda", StringComparison.Ordinal) && !hasCuda)
            throw new ModelException(
                $"--device {device}: libtorch sees no CUDA device ('streamdiff setup gpu' fetches a libtorch for CUDA; see 'streamdiff "
                + "doctor')");
        var target = new Device(device == DeviceName.Auto ? hasCuda ? "cuda" : "cpu" : device.Text);
        var chosen = type switch
        {
            ComputeType.Float32 => ScalarType.Float32,
            ComputeType.Bfloat16 => ScalarType.BFloat16,
            _ => target.type == DeviceType.CUDA || Processor.MultipliesBFloat16 ? ScalarType.BFloat16 : ScalarType.Float32,
        };
        if (chosen == ScalarType.Float32)
            UseExactFloat32();
        return new ComputeTarget(target, chosen);
    }
}
