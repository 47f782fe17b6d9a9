using StreamDiff.Training.Data;

namespace StreamDiff.Training.Trainers;

/// <summary>How long and with what a network is trained.</summary>
public sealed record TrainingPlan
{
    /// <summary>Folder for checkpoints, figures and results.</summary>
    public required string Folder { get; init; }

    /// <summary>Steps of the optimiser.</summary>
    public required long Steps { get; init; }

    /// <summary>Clips per step.</summary>
    public required int Batch { get; init; }

    /// <summary>Rendered clips to draw from.</summary>
    public required int Clips { get; init; }

    /// <summary>Real pictures to film clips from; null draws all clips. The caller's.</summary>
    public PictureLibrary? Library { get; init; }

    /// <summary>Picture width of most clips, in pixels. Default 320.</summary>
    public int Width { get; init; } = 320;

    /// <summary>Picture height of most clips, in pixels. Default 192.</summary>
    public int Height { get; init; } = 192;

    public int Seed { get; init; } = 1;

    /// <summary>Highest learning rate.</summary>
    public required double Rate { get; init; }

    /// <summary>
    /// Seconds after which to stop early, the learning rate falling as if that were the planned end; null never. A machine that is lent for
    /// a time needs it; with it a training is no longer the same on every machine.
    /// </summary>
    public double? Seconds { get; init; }

    /// <summary>
    /// Most latent frames of the transformer's clips; each step takes clips of a length between 3 and this, more of the shorter ones.
    /// Default 8, which fills the cache's window and rolls it.
    /// </summary>
    public int LatentFrames { get; init; } = 8;

    /// <summary>
    /// Side of the pieces that clips are cut to, in pixels: all of them for the autoencoder, most for the transformer; null leaves them
    /// whole. Default null.
    /// </summary>
    public int? Crop { get; init; }

    /// <summary>
    /// Weight of what the transformer's result looks like when it is decoded, beside its distance in latents. 0 leaves it out and costs
    /// nothing; 0.3 makes pictures crisper and colours truer, at the price of decoding a quarter of each step's clips. Default 0.
    /// </summary>
    public float Pictures { get; init; }

    /// <summary>
    /// Share of steps in which the transformer's own first result is denoised again, which costs as much again. Default 1.
    /// </summary>
    public float LaterSteps { get; init; } = 1;

    /// <summary>
    /// True trains the decoder alone: the encoder stays as the start has it, to the bit, and with it everything that was trained on its
    /// latents. Default false.
    /// </summary>
    public bool DecoderOnly { get; init; }

    /// <summary>Weight of squared errors in the autoencoder's loss, which PSNR measures. Default 8.</summary>
    public float Squares { get; init; } = 8;

    /// <summary>Share of steps in which the decoder gets noise on its latents. Default 0.5.</summary>
    public float NoisyShare { get; init; } = 0.5f;

    /// <summary>Share of the autoencoder's clips that stay as they are; the others are painted in a style first. Default 0.6.</summary>
    public float PlainShare { get; init; } = 0.6f;

    /// <summary>
    /// Real pictures of the user's that are not trained on: the autoencoder is judged by the start of their videos while it trains. Null
    /// does without. The caller's.
    /// </summary>
    public PictureLibrary? Check { get; init; }

    /// <summary>Weights to start from; null starts from nothing.</summary>
    public string? Start { get; init; }

    /// <summary>Parts of the names of weights that start anew although there is a start.</summary>
    public IReadOnlyList<string> Forget { get; init; } = [];

    /// <summary>Steps between two lines of figures. Default 100.</summary>
    public int LogEvery { get; init; } = 100;
}
