using TorchSharp;
using static TorchSharp.torch;

namespace StreamDiff.Models.Diffusion;

/// <summary>
/// Noise that depends on what it is for and on nothing that was drawn before, so that the order of a stream's ticks does not matter.
/// </summary>
public interface IKeyedNoise
{
    /// <summary>Standard normal float32 noise, on the stream's device. The caller disposes it.</summary>
    /// <param name="seed">The stream's.</param>
    /// <param name="chunk">Number of the chunk in the stream, from 0.</param>
    /// <param name="step">0 for the noise mixed into the input, otherwise the denoising step that the noise prepares.</param>
    /// <param name="shape">Its shape.</param>
    Tensor Draw(long seed, long chunk, int step, ReadOnlySpan<long> shape);
}

/// <summary>Keyed noise drawn on the CPU in float32: the same on any device. Not thread-safe; holds no state but its generator.</summary>
public sealed class KeyedNoise(Device device) : IKeyedNoise, IDisposable
{
    private readonly Generator _generator = new(0);

    public Tensor Draw(long seed, long chunk, int step, ReadOnlySpan<long> shape)
    {
        _generator.manual_seed(Key(seed, chunk, step));
        var noise = randn(shape.ToArray(), dtype: ScalarType.Float32, generator: _generator);
        if (device.type == DeviceType.CPU)
            return noise;
        // From page-locked memory: from any other the copy would wait until the device has done all that it was given.
        using (noise)
        using (var locked = noise.pin_memory())
            return locked.to(device, non_blocking: true);
    }

    public void Dispose() => _generator.Dispose();

    /// <summary>
    /// One number for the three. libtorch's generator takes the low 32 bits of a seed only, so they have to depend on every bit of the key:
    /// splitmix64's finaliser (Steele, Lea, Flood, 2014) for each part.
    /// </summary>
    internal static long Key(long seed, long chunk, int step) =>
        unchecked((long)(Mix(Mix(Mix((ulong)seed) ^ (ulong)chunk) ^ (uint)step) & 0xffff_ffff));

    private static ulong Mix(ulong x)
    {
        unchecked
        {
            x += 0x9e37_79b9_7f4a_7c15;
            x = (x ^ (x >> 30)) * 0xbf58_476d_1ce4_e5b9;
            x = (x ^ (x >> 27)) * 0x94d0_49bb_1331_11eb;
            return x ^ (x >> 31);
        }
    }
}
