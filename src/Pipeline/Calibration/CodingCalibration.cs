using System.Diagnostics;
using StreamDiff.Models.Vae;
using StreamDiff.Pipeline.Stream;
using StreamDiff.Scheduling.Statistics;
using TorchSharp;
using static TorchSharp.torch;

namespace StreamDiff.Pipeline.Calibration;

/// <summary>Times a VAE.</summary>
/// <param name="Encode">A group of four frames to a latent frame.</param>
/// <param name="Decode">A latent frame to four frames.</param>
public readonly record struct CodingTimes(TimeSpan Encode, TimeSpan Decode)
{
    /// <summary>Both.</summary>
    public TimeSpan Both => Encode + Decode;
}

/// <summary>How long a VAE takes for a group of four frames in the middle of a stream.</summary>
public static class CodingCalibration
{
    private const int Groups = 7;
    private const int WarmUp = 2;

    /// <summary>Measures on the calling thread, which needs inference mode; medians.</summary>
    /// <param name="vae">Stays the caller's.</param>
    /// <param name="size">Of the frames.</param>
    public static CodingTimes Measure(IVae vae, (int Width, int Height) size)
    {
        using var scope = NewDisposeScope();
        using var encoder = vae.OpenEncoder();
        using var decoder = vae.OpenDecoder();
        var (encode, decode) = (new List<double>(), new List<double>());
        for (var group = 0; group < WarmUp + Groups; group++)
        {
            using var step = NewDisposeScope();
            var pixels = zeros([1, group == 0 ? Chunker.FramesPerLatent + 1 : Chunker.FramesPerLatent, 3, size.Height, size.Width],
                vae.Type, vae.Device);
            var start = Stopwatch.GetTimestamp();
            var latents = encoder.Encode(pixels);
            Wait(vae);
            var between = Stopwatch.GetTimestamp();
            decoder.Decode(latents);
            Wait(vae);
            if (group < WarmUp)
                continue;
            encode.Add(Stopwatch.GetElapsedTime(start, between).TotalSeconds);
            decode.Add(Stopwatch.GetElapsedTime(between).TotalSeconds);
        }
        return new CodingTimes(TimeSpan.FromSeconds(Distribution.Median(encode)), TimeSpan.FromSeconds(Distribution.Median(decode)));
    }

    private static void Wait(IVae vae)
    {
        if (vae.Device.type == DeviceType.CUDA)
            cuda.synchronize(vae.Device);
    }
}
