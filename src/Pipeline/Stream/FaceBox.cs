namespace StreamDiff.Pipeline.Stream;

/// <summary>
/// Where a face is in a picture, in shares of its sides from the upper left corner: from brows to chin, as detectors see it.
/// </summary>
/// <param name="X">Left.</param>
/// <param name="Y">Top.</param>
/// <param name="Width">Width.</param>
/// <param name="Height">Height.</param>
/// <param name="Windows">How many of the detector's windows, side by side, took it for one.</param>
internal readonly record struct FaceBox(double X, double Y, double Width, double Height, int Windows)
{
    public (double X, double Y) Middle => (X + Width / 2, Y + Height / 2);
}
