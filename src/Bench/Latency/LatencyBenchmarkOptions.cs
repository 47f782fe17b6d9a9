using StreamDiff.Bench.Load;
using StreamDiff.Pipeline.Plan;

namespace StreamDiff.Bench.Latency;

/// <summary>What to vary and for how long.</summary>
public sealed record LatencyBenchmarkOptions
{
    /// <summary>Model, VAE, mode, device, type, threads; input and output are the benchmark's own.</summary>
    public required RestyleOptions Run { get; init; }

    public required IReadOnlyList<int> Steps { get; init; }

    public required IReadOnlyList<(int Width, int Height)> Sizes { get; init; }

    /// <summary>Frames a second.</summary>
    public required IReadOnlyList<double> Rates { get; init; }

    public required IReadOnlyList<LoadKind> Loads { get; init; }

    /// <summary>How long frames arrive in each case.</summary>
    public TimeSpan Duration { get; init; } = TimeSpan.FromSeconds(10);

    /// <summary>Frames that arrive before this are in no figure but those of the first frame.</summary>
    public TimeSpan WarmUp { get; init; } = TimeSpan.FromSeconds(2);

    /// <summary>From arrival to hand-over; what takes longer is late.</summary>
    public TimeSpan Deadline { get; init; } = TimeSpan.FromMilliseconds(500);

    /// <summary>Times that every case is run, in turns with the others, so that a slow minute of the machine meets them all.</summary>
    public int Repeats { get; init; } = 3;

    /// <summary>Of bursts and stalls.</summary>
    public int Seed { get; init; } = 1;

    /// <summary>Combinations, in order.</summary>
    public IEnumerable<LatencyCase> Cases =>
        from size in Sizes from steps in Steps from rate in Rates from load in Loads select new LatencyCase(steps, size, rate, load);
}

/// <summary>One combination.</summary>
public readonly record struct LatencyCase(int Steps, (int Width, int Height) Size, double Rate, LoadKind Load)
{
    public string Name => FormattableString.Invariant(
        $"{Steps} step{(Steps == 1 ? "" : "s")}, {Size.Width}x{Size.Height}, {Rate:0.##} fps, {Load.ToString().ToLowerInvariant()}");
}
