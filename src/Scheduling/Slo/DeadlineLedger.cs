namespace StreamDiff.Scheduling.Slo;

/// <summary>Where a frame's time goes, in order.</summary>
public enum FrameStage
{
    /// <summary>Collecting the chunk and waiting to be admitted.</summary>
    Collect,

    /// <summary>Autoencoder in.</summary>
    Encode,

    /// <summary>Waiting for ticks and running in them.</summary>
    Denoise,

    /// <summary>Autoencoder out.</summary>
    Decode,
}

/// <summary>
/// Counts deadlines kept and missed, and what missed them: the stage that took most beyond its share. Shares are what the stages take on
/// time, as smoothed over the frames that arrived in time. Not thread-safe.
/// </summary>
public sealed class DeadlineLedger
{
    private const double Smoothing = 0.05;
    private static readonly int Stages = Enum.GetValues<FrameStage>().Length;

    private readonly double[] _usual = new double[Stages];
    private readonly long[] _blamed = new long[Stages];

    public long Met { get; private set; }

    public long Missed { get; private set; }

    /// <summary>Frames that were given up before they reached the model.</summary>
    public long Dropped { get; private set; }

    /// <summary>Missed or dropped, of all; 0 before the first frame.</summary>
    public double MissRate => Met + Missed + Dropped is > 0 and var all ? (double)(Missed + Dropped) / all : 0;

    /// <summary>Misses by the stage that is to blame.</summary>
    public long MissedIn(FrameStage stage) => _blamed[(int)stage];

    public void Drop(int frames) => Dropped += frames;

    /// <summary>A frame was handed over.</summary>
    /// <param name="deadline">From capture to hand-over.</param>
    /// <param name="stages">What each stage took, waiting counted.</param>
    /// <returns>True when it was in time.</returns>
    public bool Record(TimeSpan deadline, ReadOnlySpan<TimeSpan> stages)
    {
        ArgumentOutOfRangeException.ThrowIfNotEqual(stages.Length, Stages);
        var total = TimeSpan.Zero;
        foreach (var stage in stages)
            total += stage;
        if (total <= deadline)
        {
            for (var i = 0; i < Stages; i++)
                _usual[i] += (Met == 0 ? 1 : Smoothing) * (stages[i].TotalSeconds - _usual[i]);
            Met++;
            return true;
        }
        Missed++;
        var worst = 0;
        for (var i = 1; i < Stages; i++)
            if (stages[i].TotalSeconds - _usual[i] > stages[worst].TotalSeconds - _usual[worst])
                worst = i;
        _blamed[worst]++;
        return false;
    }
}
