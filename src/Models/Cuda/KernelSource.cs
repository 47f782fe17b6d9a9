using System.Reflection;

namespace StreamDiff.Models.Cuda;

/// <summary>Sources of own kernels, which lie in the assembly.</summary>
internal static class KernelSource
{
    /// <summary>CUDA C++ of Kernels/NAME.cu, after what all of them compute with.</summary>
    public static string Of(string name) => Read("scalar") + Read(name);

    private static string Read(string name)
    {
        using var stream = Assembly.GetExecutingAssembly().GetManifestResourceStream($"StreamDiff.Models.Cuda.Kernels.{name}.cu")!;
        using var reader = new StreamReader(stream);
        return reader.ReadToEnd();
    }
}
