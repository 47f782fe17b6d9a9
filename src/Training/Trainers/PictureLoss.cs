using StreamDiff.Models;
using StreamDiff.Training.Styles;
using static TorchSharp.torch;

namespace StreamDiff.Training.Trainers;

/// <summary>
/// How far clips are from what they should be: values, colours, borders, large errors once more, and errors that do not move along with the
/// picture.
/// </summary>
internal static class PictureLoss
{
    private const float Smoothing = 1e-4f;
    private const float Borders = 0.7f;
    // Brightness is nine tenths of a photograph's error, and colours would be learned last: long after it, a network that starts from
    // nothing still paints grey.
    private const float Colours = 1;
    // A picture that is wrong stays as it is; one that is wrong in another way with each frame flickers, which is seen at a tenth of the
    // size. What moves takes its error along without flicker.
    private const float Changes = 1.5f;
    private const int Reach = 4;
    private const float ChangeSmoothing = 1e-6f;

    /// <summary>A scalar with gradients.</summary>
    /// <param name="pictures">[frames * clips, 3, H, W] in [0, 1]: frame 0 of every clip, then frame 1 of every clip, and so on.</param>
    /// <param name="wanted">Of the same shape.</param>
    /// <param name="clips">How many clips alternate.</param>
    /// <param name="squares">Weight of squared errors.</param>
    public static Tensor Of(Tensor pictures, Tensor wanted, int clips, float squares = 8)
    {
        var error = pictures.sub(wanted);
        var colours = error.sub(error.mean([1], keepdim: true));
        var later = error.size(0) - clips;
        Tensor source;
        using (no_grad())
            source = BlockMatching.Match(wanted.narrow(0, clips, later), wanted.narrow(0, 0, later), Reach).Source;
        var flicker = BlockMatching.Change(error.narrow(0, clips, later), error.narrow(0, 0, later), source);
        return Soft(error, Smoothing)
            .add(Soft(error.diff(dim: 2), Smoothing).mul(Scalars.Of(Borders)), Scalars.One)
            .add(Soft(error.diff(dim: 3), Smoothing).mul(Scalars.Of(Borders)), Scalars.One)
            .add(Soft(colours, Smoothing).mul(Scalars.Of(Colours)), Scalars.One)
            .add(error.pow(Scalars.Of(2)).mean().mul(Scalars.Of(squares)), Scalars.One)
            .add(Soft(flicker, ChangeSmoothing).mul(Scalars.Of(Changes)), Scalars.One);
    }

    // Absolute error, round at the bottom (Charbonnier).
    private static Tensor Soft(Tensor error, float smoothing) =>
        error.pow(Scalars.Of(2)).add(Scalars.Of(smoothing), Scalars.One).sqrt().mean();
}
