namespace StreamDiff.Transport.Media;

/// <summary>A rectangle of pixels, counted from the upper left corner.</summary>
public readonly record struct PixelRect(int X, int Y, int Width, int Height);
