namespace StreamDiff.Training.Optimisation;

/// <summary>A rate that rises for a moment and then falls along a cosine.</summary>
/// <param name="Peak">Highest rate.</param>
/// <param name="WarmUp">Steps until it is reached.</param>
public sealed record LearningRate(double Peak, int WarmUp)
{
    private const double Last = 0.02;

    /// <param name="progress">From 0 to 1 over the whole training.</param>
    /// <param name="step">Steps done.</param>
    public double At(double progress, long step) =>
        Peak * Math.Min(1, (step + 1.0) / WarmUp) * (Last + (1 - Last) * 0.5 * (1 + Math.Cos(Math.PI * Math.Clamp(progress, 0, 1))));
}
