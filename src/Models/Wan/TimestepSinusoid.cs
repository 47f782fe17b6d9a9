using static TorchSharp.torch;

namespace StreamDiff.Models.Wan;

/// <summary>The wave that stands for a timestep: cosines first, base 10000, computed in double.</summary>
public static class TimestepSinusoid
{
    /// <summary>float32 [1, width].</summary>
    public static Tensor Of(double timestep, int width, Device device)
    {
        var half = width / 2;
        var wave = new float[1, width];
        for (var i = 0; i < half; i++)
        {
            var (sin, cos) = Math.SinCos(timestep * Math.Pow(10000, -(double)i / half));
            wave[0, i] = (float)cos;
            wave[0, half + i] = (float)sin;
        }
        return tensor(wave, device: device);
    }
}
