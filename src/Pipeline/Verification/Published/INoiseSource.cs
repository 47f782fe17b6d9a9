using TorchSharp;
using static TorchSharp.torch;

namespace StreamDiff.Pipeline.Verification.Published;

/// <summary>Where a stream's noise comes from.</summary>
internal interface INoiseSource : IDisposable
{
    /// <summary>Standard normal float32 noise of a shape, on the stream's device. The caller disposes it.</summary>
    Tensor Draw(ReadOnlySpan<long> shape);
}

/// <summary>Noise from a seed, drawn on the CPU in float32, so that a stream can be reproduced on any device.</summary>
internal sealed class SeededNoise(long seed, Device device) : INoiseSource
{
    private readonly Generator _generator = new((ulong)seed);

    public Tensor Draw(ReadOnlySpan<long> shape)
    {
        var noise = randn(shape.ToArray(), dtype: ScalarType.Float32, generator: _generator);
        if (device.type == DeviceType.CPU)
            return noise;
        using (noise)
            return noise.to(device);
    }

    /// <summary>Draws from now on are those of another seed, from its beginning.</summary>
    public void Restart(long seed) => _generator.manual_seed(seed);

    public void Dispose() => _generator.Dispose();
}
