namespace StreamDiff.Scheduling.Simulation;

/// <summary>What encodes and decodes, in the order in which work comes.</summary>
internal sealed class CodingEngines
{
    private readonly double[] _encoders;
    private readonly double[] _decoders;

    /// <param name="shared">Workers that do both, as a host has them; 0: an engine for each of the two.</param>
    public CodingEngines(int shared)
    {
        _encoders = new double[Math.Max(1, shared)];
        _decoders = shared > 0 ? _encoders : new double[1];
    }

    /// <summary>Takes work; gives the second at which it is done.</summary>
    public double Encode(double now, double seconds) => Do(_encoders, now, seconds);

    /// <summary>As <see cref="Encode"/>, for the decoder.</summary>
    public double Decode(double now, double seconds) => Do(_decoders, now, seconds);

    private static double Do(double[] free, double now, double seconds)
    {
        var engine = 0;
        for (var i = 1; i < free.Length; i++)
            if (free[i] < free[engine])
                engine = i;
        return free[engine] = Math.Max(free[engine], now) + seconds;
    }
}
