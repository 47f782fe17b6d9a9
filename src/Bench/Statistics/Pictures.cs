namespace StreamDiff.Bench.Statistics;

/// <summary>Pictures compared.</summary>
internal static class Pictures
{
    /// <summary>Peak signal-to-noise ratio in dB; identical pictures count as 100.</summary>
    public static double Psnr(byte[] picture, byte[] expected)
    {
        var sum = 0.0;
        for (var i = 0; i < expected.Length; i++)
            sum += (double)(expected[i] - picture[i]) * (expected[i] - picture[i]);
        return sum == 0 ? 100 : Math.Min(100, 10 * Math.Log10(255.0 * 255 * expected.Length / sum));
    }
}
