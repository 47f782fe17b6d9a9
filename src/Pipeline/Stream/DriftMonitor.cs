namespace StreamDiff.Pipeline.Stream;

/// <summary>
/// How far a stream's pictures have come away from what its first seconds made of theirs: in colours, contrast and detail, each against
/// the picture that went in, so that another scene is no drift. For one thread.
/// </summary>
internal sealed class DriftMonitor
{
    // About three seconds at 30 frames a second.
    private const int FirstChunks = 24;
    private const double Smoothing = 1.0 / 24;

    // What is as far away as this counts as all: a sixth of the range of a colour, and what the eye calls flat or soft.
    private static readonly PictureLook Scale = new(0.17, 0.17, 0.17, 0.12, 0.04);

    private PictureLook _first;
    private PictureLook _now;
    private int _chunks;

    /// <summary>0 as in the first seconds, 1 far away; null until these are over.</summary>
    public double? Drift { get; private set; }

    /// <summary>A chunk came out.</summary>
    /// <param name="input">What went in.</param>
    /// <param name="made">What came out.</param>
    public void Add(PictureLook input, PictureLook made)
    {
        var difference = made - input;
        if (_chunks++ < FirstChunks)
        {
            _first += difference * (1.0 / FirstChunks);
            _now = _first;
            return;
        }
        _now += (difference - _now) * Smoothing;
        var away = _now - _first;
        Drift = Math.Min(1, new[]
        {
            away.Red / Scale.Red, away.Green / Scale.Green, away.Blue / Scale.Blue, away.Contrast / Scale.Contrast,
            away.Detail / Scale.Detail,
        }.Max(Math.Abs));
    }

    /// <summary>What was asked for is another look: the next seconds are the first.</summary>
    public void Restart() => (_first, _now, _chunks, Drift) = (default, default, 0, null);
}
