using StreamDiff.Scheduling.Ladder;

namespace StreamDiff.Pipeline.Host;

/// <summary>What a session gives up and takes back, once a second. Belongs to the device's thread.</summary>
/// <param name="session">Whose.</param>
/// <param name="forms">Changes its VAE and size.</param>
internal sealed class QualityLadder(Session session, StreamForms forms)
{
    private static readonly TimeSpan Every = TimeSpan.FromSeconds(1);

    // What a logged session gave up would be missing in its log.
    private readonly DegradationLadder _ladder = new(
        session.Request.Log is null ? session.Request.Slo.Ladder : [], session.Request.Sampling.Steps, forms.HasTinyVae, canResize: true);
    private TimeSpan _next;
    private long _frames;
    private long _late;
    private long _lost;
    private bool _isAnew;

    /// <summary>What holds now.</summary>
    public Quality Quality => _ladder.Quality;

    /// <summary>Nothing given up.</summary>
    public Quality Full => _ladder.Full;

    /// <summary>The session goes on after it was suspended: what it loses by that, in the next second too, says nothing.</summary>
    public void Resumed(TimeSpan now)
    {
        session.Meter.Resumed(now);
        (_next, _isAnew) = (now + Every, true);
    }

    /// <summary>Looks at the last second; gives the move made, if any.</summary>
    /// <param name="now">Now.</param>
    /// <param name="load">Share of the device's time that all sessions need, given this session's quality.</param>
    public LadderMove? Look(TimeSpan now, Func<Quality, double> load)
    {
        if (now < _next)
            return null;
        _next = now + Every;
        var (frames, late) = session.Meter.Counts;
        var lost = session.Missed;
        var (newFrames, newMisses) = (frames - _frames + lost - _lost, late - _late + lost - _lost);
        (_frames, _late, _lost) = (frames, late, lost);
        if (_isAnew)
        {
            _isAnew = false;
            return null;
        }
        // Nothing came in: nothing is known. While it changes its form nothing can be said of the new one.
        if (newFrames == 0 || session.Stream.IsChanging)
            return null;
        var loadAbove = forms.HasRoom(session, _ladder.Above) ? load(_ladder.Above) : double.PositiveInfinity;
        var move = _ladder.Next(now, (double)newMisses / newFrames, load(Quality), loadAbove);
        if (move is null)
            return null;
        return Apply() is { } obstacle ? move with { Reason = $"{move.Reason}; {obstacle}, size and VAE stay as they are" } : move;
    }

    // Gives back what stands against another size or VAE; null for nothing.
    private string? Apply()
    {
        var (quality, full) = (_ladder.Quality, _ladder.Full);
        var obstacle = forms.Reform(session, quality);
        session.Stream.Steering.StepsLess = full.Steps - quality.Steps;
        session.Stream.Drops = quality.Drops;
        session.Intake.TakeEvery((int)Math.Round(1 / quality.FrameShare));
        var given = new List<string>();
        if (quality.Steps < full.Steps)
            given.Add($"steps {quality.Steps} of {full.Steps}");
        if (quality.TinyVae && obstacle is null)
            given.Add("tiny VAE");
        if (StreamForm.SizeOf(session.Size, quality.SizeShare) is var size && size != session.Size && obstacle is null)
            given.Add($"{size.Width}x{size.Height} of {session.Size.Width}x{session.Size.Height}");
        if (quality.FrameShare < 1)
            given.Add("every second picture");
        if (quality.Drops)
            given.Add("chunks dropped early");
        session.SetDegraded(given);
        return obstacle;
    }
}
