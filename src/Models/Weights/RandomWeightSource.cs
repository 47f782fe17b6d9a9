using System.Security.Cryptography;
using System.Text;
using StreamDiff.Models.Native;
using TorchSharp;
using static TorchSharp.torch;

namespace StreamDiff.Models.Weights;

/// <summary>
/// Seeded weights for a network that has none yet, and for tests and benchmarks at full size: every tensor depends on the seed, its own
/// name and the kind of device only. CUDA devices draw their own, other numbers than a processor would: fourteen billion take it two
/// minutes.
/// Matrices and kernels are normal with variance 1/fan-in, norm weights are one, biases are zero, modulations normal with variance 1/dim.
/// </summary>
public sealed class RandomWeightSource(long seed) : IWeightSource
{
    // The generator of a device is one for all threads: its seed and what is drawn with it go together.
    private static readonly Lock DeviceGenerator = new();

    public string Description => $"random weights (seed {seed})";

    public IReadOnlyCollection<string> Names => [];

    public long[]? ShapeOf(string name, long[] wanted) => wanted;

    public Tensor Read(string name, long[] shape, Device device, ScalarType type)
    {
        if (device.type == DeviceType.CPU)
            HostMemory.Require(HostMemory.Product([sizeof(float), .. shape]), $"{name} of random weights");
        if (name.EndsWith("bias", StringComparison.Ordinal))
            return torch.zeros(shape, dtype: type, device: device);
        if (IsNorm(name, shape))
            return torch.ones(shape, dtype: type, device: device);

        using var normal = Normal(name, shape, device);
        using var scale = Scalars.Kept(ScaleOf(name, shape));
        normal.mul_(scale);
        return normal.to(type, device, copy: true);
    }

    public void Dispose()
    {
    }

    private Tensor Normal(string name, long[] shape, Device device)
    {
        if (device.type == DeviceType.CUDA)
        {
            lock (DeviceGenerator)
            {
                cuda.manual_seed_all((long)(SeedOf(name) >> 1));
                return torch.randn(shape, dtype: ScalarType.Float32, device: device);
            }
        }

        using var generator = new Generator(SeedOf(name));
        return torch.randn(shape, dtype: ScalarType.Float32, generator: generator);
    }

    private static bool IsNorm(string name, long[] shape) =>
        name.EndsWith("gamma", StringComparison.Ordinal)
        || (name.EndsWith("weight", StringComparison.Ordinal) && (shape.Length == 1 || name.Contains("norm", StringComparison.Ordinal)));

    private static float ScaleOf(string name, long[] shape)
    {
        if (name.EndsWith("modulation", StringComparison.Ordinal))
            return 1 / MathF.Sqrt(shape[^1]);
        var fanIn = shape.Skip(1).Aggregate(1L, (a, b) => a * b);
        return 1 / MathF.Sqrt(Math.Max(fanIn, 1));
    }

    private ulong SeedOf(string name)
    {
        var hash = SHA256.HashData(Encoding.UTF8.GetBytes(name));
        return BitConverter.ToUInt64(hash) ^ (ulong)seed;
    }
}
