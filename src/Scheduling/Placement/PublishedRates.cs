namespace StreamDiff.Scheduling.Placement;

/// <summary>Published frames per second on H100s (arXiv 2511.07399; bf16, no TensorRT, no quantisation), to compare plans with.</summary>
public static class PublishedRates
{
    // By 1, 2 and 4 GPUs; each for 1 to 4 denoising steps.
    private static readonly Dictionary<(bool Large, int Width, int Height), double[][]> Rates = new()
    {
        [(false, 832, 480)] = [[20.47, 17.97, 15.68, 13.95], [39.77, 34.67, 30.69, 27.06], [44.38, 43.41, 43.08, 42.26]],
        [(false, 512, 512)] = [[26.21, 24.02, 21.51, 19.43], [51.76, 46.92, 41.09, 37.49], [64.52, 63.99, 62.43, 61.57]],
        [(true, 832, 480)] = [[12.68, 8.64, 6.49, 5.28], [25.39, 17.31, 13.23, 10.69], [39.24, 33.36, 25.02, 20.05]],
        [(true, 512, 512)] = [[18.71, 13.01, 10.09, 8.26], [37.12, 25.72, 20.11, 16.65], [58.28, 51.09, 38.41, 31.62]],
    };

    /// <summary>The published rate; null where none was published.</summary>
    public static double? Find(NetworkShape network, int width, int height, int gpus)
    {
        var column = gpus switch { 1 => 0, 2 => 1, 4 => 2, _ => -1 };
        return network is { Dim: 1536 or 5120, Steps: >= 1 and <= 4 } && column >= 0
            && Rates.TryGetValue((network.Dim == 5120, width, height), out var rates)
            ? rates[column][network.Steps - 1]
            : null;
    }
}
