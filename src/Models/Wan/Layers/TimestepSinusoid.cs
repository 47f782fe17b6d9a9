using static TorchSharp.torch;

namespace StreamDiff.Models.Wan.Layers;

/// <summary>The wave that stands for a timestep: cosines first, base 10000, computed in double.</summary>
public static class TimestepSinusoid
{
    /// <summary>float32 [1, width].</summary>
    public static Tensor Of(double timestep, int width, Device device) => Of([timestep], width, device);

    /// <summary>float32 [timesteps, width].</summary>
    public static Tensor Of(ReadOnlySpan<double> timesteps, int width, Device device)
    {
        var half = width / 2;
        var wave = new float[timesteps.Length, width];
        for (var row = 0; row < timesteps.Length; row++)
        {
            for (var i = 0; i < half; i++)
            {
                var (sin, cos) = Math.SinCos(timesteps[row] * Math.Pow(10000, -(double)i / half));
                wave[row, i] = (float)cos;
                wave[row, half + i] = (float)sin;
            }
        }
        return tensor(wave, device: device);
    }
}
