namespace StreamDiff.Training.Data;

/// <summary>
/// Video made by program, the same for the same seed: scenes, sometimes cut. No data set is needed, and none has to be trusted.
/// </summary>
public static class SyntheticClip
{
    /// <summary>Share of clips that are cut to another scene.</summary>
    private const float Cuts = 0.15f;

    /// <summary>Bytes [frames, 3, height, width].</summary>
    public static byte[] Render(int seed, int frames, int width, int height)
    {
        var random = new Random(seed);
        var pixels = new byte[frames * 3 * width * height];
        var canvas = new Canvas(width, height);
        var scene = new Scene(random, width, height);
        var cut = random.Chance(Cuts) ? random.Next(1, Math.Max(frames, 2)) : frames;
        for (var frame = 0; frame < frames; frame++)
        {
            if (frame == cut)
                scene = new Scene(random, width, height);
            scene.Draw(canvas, frame);
            Pack(canvas.Rgb, pixels.AsSpan(frame * 3 * width * height, 3 * width * height));
        }
        return pixels;
    }

    private static void Pack(ReadOnlySpan<float> rgb, Span<byte> planes)
    {
        var plane = planes.Length / 3;
        for (var i = 0; i < plane; i++)
            for (var channel = 0; channel < 3; channel++)
                planes[channel * plane + i] = (byte)(255 * Math.Clamp(rgb[3 * i + channel], 0, 1) + 0.5f);
    }
}
