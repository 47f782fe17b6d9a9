using StreamDiff.Models.Cuda;
using static TorchSharp.torch;

namespace StreamDiff.Models.Vae;

/// <summary>
/// The kernel of Kernels/frames.cu: everything between two convolutions of the Wan VAE in one launch. It computes in float32 and rounds
/// twice, where ATen rounds after each of its operations.
/// </summary>
internal sealed class FrameKernels(IKernels kernels, WanVaeConfig config) : IDisposable
{
    public const string Name = "norm_frames";

    // Threads of a warp, and most threads of a block.
    private const int Warp = 32;
    private const int MostThreads = 256;

    private static readonly Lazy<string> Text = new(() => KernelSource.Of("frames"));

    /// <summary>CUDA C++.</summary>
    public static string Source => Text.Value;

    /// <summary>Channels that are read at once: 16 bytes of bfloat16 where all layers can be cut so.</summary>
    public int Width { get; } = WidthOf(config);

    /// <summary>The network's sizes for the compiler.</summary>
    public static IReadOnlyList<string> Macros(WanVaeConfig config, ScalarType type)
    {
        var packs = config.Dim * config.Multipliers.Max() / WidthOf(config);
        return
        [
            $"VEC={WidthOf(config)}", $"LANE_PACKS={(packs + Warp - 1) / Warp}", $"BFLOAT16={(type == ScalarType.BFloat16 ? 1 : 0)}",
        ];
    }

    /// <summary>Own kernels for a VAE on a device; null, with the reason, where there are none.</summary>
    public static FrameKernels? Create(WanVaeConfig config, Device device, ScalarType type, out string? whyNot) =>
        KernelChoice.Create(device, type, Source, () => Macros(config, type), out whyNot) is { } kernels
            ? new FrameKernels(kernels, config)
            : null;

    /// <summary>x = y + bias + addend, and h of it; see the kernel.</summary>
    /// <param name="y">[frames, height, width, channels].</param>
    /// <param name="bias">[channels]; null for none.</param>
    /// <param name="addend">As y; null for none.</param>
    /// <param name="x">As y, and may be y; null stores none.</param>
    /// <param name="gamma">[channels]; null for no norm.</param>
    /// <param name="activates">True applies SiLU to the norm.</param>
    /// <param name="h">Where the result goes; null for none.</param>
    /// <param name="taps">How h is laid out.</param>
    /// <param name="history">[2, height, width, channels], read and written where there are taps.</param>
    public void Run(
        Tensor y, Tensor? bias, Tensor? addend, Tensor? x, Tensor? gamma, bool activates, Tensor? h, FrameTaps taps, Tensor? history)
    {
        var channels = (int)y.size(3);
        var (frames, pixels, packs) = ((int)y.size(0), (int)(y.size(1) * y.size(2)), channels / Width);
        var group = 1;
        while (group < packs && group < Warp)
            group *= 2;
        var threads = Math.Min(MostThreads, kernels.MostThreads);
        Span<ulong> arguments =
        [
            Argument.Of(y), Argument.Of(bias), Argument.Of(addend), Argument.Of(x), Argument.Of(gamma),
            Argument.Of((float)Math.Sqrt(channels)), Argument.Of(h), Argument.Of(history), Argument.Of((int)taps),
            Argument.Of(activates ? 1 : 0), Argument.Of(frames), Argument.Of(pixels), Argument.Of(channels), Argument.Of(group),
        ];
        kernels.Launch(Name, ((int)(((long)pixels * group + threads - 1) / threads), 1, 1), threads, arguments);
    }

    public void Dispose() => kernels.Dispose();

    // The latents' channels are a width too.
    private static int WidthOf(WanVaeConfig config) =>
        Array.Find([8, 4, 2], width => config.LatentChannels % width == 0 && config.Multipliers.All(m => config.Dim * m % width == 0)) is
            > 0 and var found ? found : 1;
}

/// <summary>How a frame's normed channels are laid down for the convolution that follows; the numbers are the kernel's.</summary>
internal enum FrameTaps
{
    /// <summary>[frames, height, width, channels]: it does not look back.</summary>
    None,

    /// <summary>[2 + frames, height, width, channels]: along the frames, the two before them first.</summary>
    Along,

    /// <summary>[frames, height, width, 3 * channels]: in each frame, after the two before it.</summary>
    Within,
}
