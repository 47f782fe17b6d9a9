using StreamDiff.Scheduling.Slo;

namespace StreamDiff.Scheduling.Ladder;

/// <summary>What a session gives up at present.</summary>
/// <param name="Steps">Denoising steps.</param>
/// <param name="TinyVae">True for the small autoencoder.</param>
/// <param name="SizeShare">Share of width and height: 1, 0.75 or 0.5.</param>
/// <param name="FrameShare">Share of the pictures: 1 or 0.5.</param>
/// <param name="Drops">True when chunks may be left out.</param>
public readonly record struct Quality(int Steps, bool TinyVae, double SizeShare, double FrameShare, bool Drops);

/// <summary>A step down or up the ladder.</summary>
/// <param name="At">When.</param>
/// <param name="Down">True when something was given up.</param>
/// <param name="What">Which rung.</param>
/// <param name="Quality">What holds from now on.</param>
/// <param name="Reason">With figures, for the log.</param>
public sealed record LadderMove(TimeSpan At, bool Down, Degradation What, Quality Quality, string Reason);

/// <summary>
/// Gives up one thing after another, in the user's order, while deadlines are missed, and takes it back when there is room: the load
/// predicted for the rung above must leave a margin, and a rung that had to be given up again soon after is tried later and later. Call
/// <see cref="Next"/> about once a second. Not thread-safe.
/// </summary>
public sealed class DegradationLadder
{
    // A rung that holds for less than so many times its patience was taken back too early.
    private const int EarlyShare = 4;

    private readonly LadderOptions _options;
    private readonly List<(Degradation What, Quality Quality)> _rungs = [];
    private int _level;
    private TimeSpan _calmSince;
    private TimeSpan _lastMove;
    private TimeSpan? _lastUp;
    private TimeSpan _patience;
    // The level that did not hold when it was taken back last; null where the last one did.
    private int? _tooEarly;

    /// <param name="ladder">What may be given up, first thing first; the same thing twice goes twice as far.</param>
    /// <param name="steps">Denoising steps of the whole quality.</param>
    /// <param name="canUseTinyVae">False where the model has no other autoencoder, or uses it already.</param>
    /// <param name="canResize">False where the size is bound to the outputs.</param>
    /// <param name="options">Constants.</param>
    public DegradationLadder(
        IReadOnlyList<Degradation> ladder, int steps, bool canUseTinyVae = false, bool canResize = false, LadderOptions? options = null)
    {
        _options = options ?? new();
        _patience = _options.Patience;
        Full = new Quality(steps, false, 1, 1, false);
        var quality = Full;
        foreach (var what in ladder)
        {
            var next = what switch
            {
                Degradation.FewerSteps when quality.Steps > 1 => quality with { Steps = quality.Steps - 1 },
                Degradation.TinyVae when canUseTinyVae => quality with { TinyVae = true },
                Degradation.LowerResolution when canResize && quality.SizeShare > 0.5 =>
                    quality with { SizeShare = quality.SizeShare - 0.25 },
                Degradation.LowerFps => quality with { FrameShare = 0.5 },
                Degradation.Drop => quality with { Drops = true },
                _ => quality,
            };
            if (next == quality)
                continue;
            _rungs.Add((what, next));
            quality = next;
        }
    }

    /// <summary>Nothing given up.</summary>
    public Quality Full { get; }

    /// <summary>What holds now.</summary>
    public Quality Quality => At(_level);

    /// <summary>Rungs given up.</summary>
    public int Level => _level;

    /// <summary>What would hold after the next recovery; the present where nothing is given up.</summary>
    public Quality Above => At(Math.Max(_level - 1, 0));

    /// <summary>Looks at the last second.</summary>
    /// <param name="now">The present.</param>
    /// <param name="missRate">Share of the frames of late that were late or dropped.</param>
    /// <param name="load">Share of the device's time that all sessions need as they are.</param>
    /// <param name="loadAbove">The same if this session took its last rung back.</param>
    /// <returns>The move made, or null.</returns>
    public LadderMove? Next(TimeSpan now, double missRate, double load, double loadAbove)
    {
        if (missRate <= _options.FewMisses)
        {
            if (_level > 0 && now - _calmSince >= _patience && loadAbove <= _options.RoomToRecover)
                return Up(now, loadAbove);
            return null;
        }
        _calmSince = now;
        // What was changed a moment ago must be seen to work first.
        if (missRate < _options.ManyMisses || _level == _rungs.Count || now - _lastMove < _options.Settle)
            return null;
        return Down(now, missRate, load);
    }

    private LadderMove Down(TimeSpan now, double missRate, double load)
    {
        // It was too early to recover: longer next time. What went well for long is forgotten.
        if (_lastUp is { } up && now - up < EarlyShare * _patience)
            (_patience, _tooEarly) = (TimeSpan.FromTicks(Math.Min(2 * _patience.Ticks, _options.LongestPatience.Ticks)), _level);
        else if (_lastUp is not null)
            (_patience, _tooEarly) = (_options.Patience, null);
        (_lastMove, _lastUp) = (now, null);
        var (what, quality) = _rungs[_level++];
        return new LadderMove(now, true, what, quality, string.Create(System.Globalization.CultureInfo.InvariantCulture,
            $"{100 * missRate:0.#} % of the frames are late or dropped, load {100 * load:0} %"));
    }

    private LadderMove Up(TimeSpan now, double loadAbove)
    {
        // The one before has held; that says nothing of a level that has not.
        if (_lastUp is not null && _level - 1 != _tooEarly)
            _patience = _options.Patience;
        (_calmSince, _lastMove, _lastUp) = (now, now, now);
        var what = _rungs[--_level].What;
        return new LadderMove(now, false, what, Quality, string.Create(System.Globalization.CultureInfo.InvariantCulture,
            $"in time for {_patience.TotalSeconds:0} s, load would be {100 * loadAbove:0} %"));
    }

    private Quality At(int level) => level == 0 ? Full : _rungs[level - 1].Quality;
}

/// <summary>Constants of <see cref="DegradationLadder"/>.</summary>
public sealed record LadderOptions
{
    /// <summary>Above this share of late frames something is given up. Default 5 %.</summary>
    public double ManyMisses { get; init; } = 0.05;

    /// <summary>Up to this share all is calm. Default 1 %.</summary>
    public double FewMisses { get; init; } = 0.01;

    /// <summary>Between two moves down. Default 2 s.</summary>
    public TimeSpan Settle { get; init; } = TimeSpan.FromSeconds(2);

    /// <summary>
    /// Calm before something is taken back. Default 5 s; doubled when that turned out too early, up to <see cref="LongestPatience"/>.
    /// </summary>
    public TimeSpan Patience { get; init; } = TimeSpan.FromSeconds(5);

    /// <summary>Default 2 min.</summary>
    public TimeSpan LongestPatience { get; init; } = TimeSpan.FromMinutes(2);

    /// <summary>Largest load at which the rung above is tried. Default 85 %.</summary>
    public double RoomToRecover { get; init; } = 0.85;
}
