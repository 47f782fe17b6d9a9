namespace StreamDiff.Scheduling.Latency;

/// <summary>
/// Seconds of a tick as a sum of what the paper's roofline is made of: L = (A(T,B) + P) / bandwidth, here with the part that computing
/// bounds beside it. A term that a device does not show comes out of the fit as zero.
/// </summary>
/// <param name="Fixed">Launching kernels and reading the weights once, whatever the rows; the P of the paper.</param>
/// <param name="PerToken">Each token through the linear layers: activation traffic and multiplications.</param>
/// <param name="PerPair">Each query-key pair of self-attention.</param>
/// <param name="PerCached">Each cached token that is read and turned.</param>
/// <param name="PerLane">Bookkeeping of each row.</param>
public readonly record struct LatencyTerms(double Fixed, double PerToken, double PerPair, double PerCached, double PerLane)
{
    /// <summary>True where each is a number of seconds that a tick can take.</summary>
    public bool IsPossible => Enumerable.Range(0, Count).All(Possible);

    private bool Possible(int term) => this[term] is >= 0 and <= 3600;

    /// <summary>Number of terms.</summary>
    public const int Count = 5;

    /// <summary>Predicted seconds.</summary>
    public double Of(TickShape shape) =>
        Fixed + PerToken * shape.Tokens + PerPair * shape.Pairs + PerCached * shape.Cached + PerLane * shape.Lanes;

    /// <summary>A term by its place.</summary>
    public double this[int term] => term switch { 0 => Fixed, 1 => PerToken, 2 => PerPair, 3 => PerCached, _ => PerLane };

    internal static double[] Features(TickShape shape) => [1, shape.Tokens, shape.Pairs, shape.Cached, shape.Lanes];

    internal static LatencyTerms From(ReadOnlySpan<double> terms) => new(terms[0], terms[1], terms[2], terms[3], terms[4]);
}
