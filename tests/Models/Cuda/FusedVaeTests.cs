using StreamDiff.Models.Cuda;
using StreamDiff.Models.Vae;
using StreamDiff.Models.Weights;
using static TorchSharp.torch;

namespace StreamDiff.Models.Tests.Cuda;

/// <summary>The Wan VAE with its own kernel, emulated on the CPU, gives what operators of ATen give.</summary>
public sealed class FusedVaeTests
{
    [Theory]
    [Trait("Category", "Slow")]
    [InlineData(8, ScalarType.Float32, 1e-5)]
    [InlineData(12, ScalarType.Float32, 1e-5)]
    [InlineData(112, ScalarType.Float32, 1e-5)]
    [InlineData(8, ScalarType.BFloat16, 0.05)]
    public void Streams_WithOwnKernels_AreThoseOfAten(int width, ScalarType type, double tolerance)
    {
        using var inference = inference_mode();
        using var scope = NewDisposeScope();
        var config = width > 96
            ? new WanVaeConfig { Dim = width, Multipliers = [1, 1, 2, 2], ResidualBlocks = 1 }
            : new WanVaeConfig { Dim = width };
        using var plain = WanVae.Load(config, new RandomWeightSource(2), CPU, ScalarType.Float32);
        using var fused = WanVae.Load(config, new RandomWeightSource(2), CPU, type);
        var kernels = new EmulatedKernels(FrameKernels.Source, FrameKernels.Macros(config, type), [FrameKernels.Name]);
        fused.Use(kernels);

        var clip = rand([1, 9, 3, 16, 24]).mul_(Scalars.Of(2)).sub_(Scalars.One);
        using (var a = plain.OpenEncoder())
        using (var b = fused.OpenEncoder())
            for (var pass = 0; pass < 2; pass++)
            {
                foreach (var (at, count) in (ReadOnlySpan<(int, int)>)[(0, 1), (1, 4), (5, 4)])
                    Near(a.Encode(clip.narrow(1, at, count)), b.Encode(clip.narrow(1, at, count)));
                a.Reset();
                b.Reset();
            }
        Assert.True(kernels.Launches > 0);
        var launches = kernels.Launches;
        var latents = randn([1, 4, 16, 2, 3]);
        using (var a = plain.OpenDecoder())
        using (var b = fused.OpenDecoder())
            foreach (var (at, count) in (ReadOnlySpan<(int, int)>)[(0, 1), (1, 2), (3, 1)])
                Near(a.Decode(latents.narrow(1, at, count)), b.Decode(latents.narrow(1, at, count)));
        Assert.True(kernels.Launches > launches);

        void Near(Tensor expected, Tensor actual)
        {
            Assert.Equal(expected.shape, actual.shape);
            var off = (expected - actual).abs();
            Assert.True(type == ScalarType.Float32
                ? off.max().item<float>() < tolerance * (1 + expected.abs().max().item<float>())
                : (off.mean() / expected.abs().mean()).item<float>() < tolerance, $"{off.max().item<float>()} off");
        }
    }

    [Theory]
    [InlineData(16, false)]
    [InlineData(16, true)]
    [InlineData(48, false)]
    [InlineData(528, true)]
    public void NormFrames_OfAnySize_IsThatOfFloat64(int channels, bool coarse)
    {
        using var scope = NewDisposeScope();
        var type = coarse ? ScalarType.BFloat16 : ScalarType.Float32;
        var config = new WanVaeConfig { Dim = channels, Multipliers = [1] };
        var kernels = new FrameKernels(
            new EmulatedKernels(FrameKernels.Source, FrameKernels.Macros(config, type), [FrameKernels.Name]), config);
        const int frames = 3, height = 3, width = 7;
        var (y, addend) = (Random(frames, height, width, channels), Random(frames, height, width, channels));
        var (bias, gamma) = (Random(channels), Random(channels));
        var history = Random(2, height, width, channels);
        var sum = Add(Add(Wide(y), Wide(bias)), Wide(addend)).to_type(type);
        var norm = nn.functional.normalize(Wide(sum), 2, -1, 1e-12) * Wide(gamma) * Scalars.Of(Math.Sqrt(channels));
        var seen = cat([Wide(history), nn.functional.silu(norm)]);

        foreach (var taps in (FrameTaps[])[FrameTaps.Along, FrameTaps.Within])
        {
            var (x, past) = (Poisoned(frames, height, width, channels), history.clone());
            var h = taps == FrameTaps.Along
                ? Poisoned(2 + frames, height, width, channels)
                : Poisoned(frames, height, width, 3 * channels);
            kernels.Run(y, bias, addend, x, gamma, true, h, taps, past);
            Near(sum, x);
            Near(taps == FrameTaps.Along ? seen : cat([seen.narrow(0, 0, 3), seen.narrow(0, 1, 3), seen.narrow(0, 2, 3)], -1), h);
            Near(seen.narrow(0, frames, 2), past);
        }
        var plain = Poisoned(frames, height, width, channels);
        kernels.Run(y, null, null, null, gamma, false, plain, FrameTaps.None, null);
        Near(nn.functional.normalize(Wide(y), 2, -1, 1e-12) * Wide(gamma) * Scalars.Of(Math.Sqrt(channels)), plain);
        var same = y.clone();
        kernels.Run(same, bias, null, same, null, false, null, FrameTaps.None, null);
        Near(Add(Wide(y), Wide(bias)), same);

        Tensor Random(params long[] shape) => randn(shape).to_type(type);
        Tensor Poisoned(params long[] shape) => full(shape, Scalars.Of(double.NaN)).to_type(type);
        void Near(Tensor expected, Tensor actual)
        {
            Assert.Equal(expected.shape, actual.shape);
            var off = (Wide(expected) - Wide(actual)).abs() / Wide(expected).abs().add(Scalars.One, Scalars.One);
            // NaN, where nothing was written, is not less.
            Assert.True(off.max().item<double>() < (coarse ? 8e-3 : 1e-5), $"{off.max().item<double>()} off");
        }
    }

    private static Tensor Add(Tensor a, Tensor b) => a.add(b, Scalars.One);

    private static Tensor Wide(Tensor x) => x.to_type(ScalarType.Float64);
}
