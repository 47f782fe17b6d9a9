using static TorchSharp.torch;

namespace StreamDiff.Training.Trainers;

/// <summary>How far pictures [frames, 3, H, W] in [0, 1] are from what they should be: values, borders, and large errors once more.</summary>
internal static class PictureLoss
{
    private const float Smoothing = 1e-4f;
    private const float Borders = 0.7f;
    private const float Squares = 4;

    /// <summary>A scalar with gradients.</summary>
    public static Tensor Of(Tensor pictures, Tensor wanted)
    {
        var error = pictures.sub(wanted);
        return Soft(error)
            .add(Soft(error.diff(dim: 2)).mul(Borders)).add(Soft(error.diff(dim: 3)).mul(Borders))
            .add(error.square().mean().mul(Squares));
    }

    // Absolute error, round at the bottom (Charbonnier).
    private static Tensor Soft(Tensor error) => error.square().add(Smoothing).sqrt().mean();
}
