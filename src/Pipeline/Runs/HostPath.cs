using System.Runtime.ExceptionServices;
using StreamDiff.Pipeline.Host;
using StreamDiff.Pipeline.Live;
using StreamDiff.Transport.Media;
using StreamDiff.Transport.Media.Live;

namespace StreamDiff.Pipeline.Runs;

/// <summary>A live run's frames through a session of a host.</summary>
internal sealed class HostPath : ILivePath
{
    private readonly TimeStamps? _stamps = Environment.GetEnvironmentVariable(LiveRestyle.KeepStampsVariable) == "1"
        ? new TimeStamps()
        : null;
    private readonly Lock _gate = new();
    private Action<VideoFrame, TimeSpan>? _output;
    private volatile bool _isHeld;

    /// <param name="host">Where the session begins; must outlive the path.</param>
    /// <param name="request">What is wanted.</param>
    /// <exception cref="AdmissionException">The host refuses it.</exception>
    public HostPath(SessionHost host, SessionRequest request) => Session = host.Start(request, Give);

    public Session Session { get; }

    public long Dropped => Session.Lost + Session.Intake.LeftOut;

    /// <summary>Where the frames go from now on.</summary>
    public HostPath To(Action<VideoFrame, TimeSpan> output)
    {
        lock (_gate)
            (_output, _isHeld) = (output, false);
        return this;
    }

    /// <summary>The run around it ends and its session does not: until <see cref="To"/> nothing comes in or out.</summary>
    public void Hold()
    {
        lock (_gate)
            (_output, _isHeld) = (null, true);
    }

    public void Offer(VideoFrame frame, TimeSpan taken)
    {
        if (_isHeld)
        {
            frame.Dispose();
            return;
        }
        _stamps?.Keep(frame);
        Session.Offer(frame, taken);
    }

    public void Hear(SoundBlock block, TimeSpan taken) => Session.Controls.Signals.Sound.Add(block, taken);

    public void Discontinue() => Session.Discontinue();

    public void Finish()
    {
        if (!_isHeld)
            Session.Finish();
    }

    public bool IsFinished => _isHeld || Session.Completed.IsCompleted;

    public void ThrowIfFailed()
    {
        if (Session.Fault is { } fault)
            ExceptionDispatchInfo.Throw(fault);
    }

    public void Dispose()
    {
        if (!_isHeld)
            Session.Dispose();
    }

    private void Give(FinishedFrame finished)
    {
        _stamps?.Restore(finished.Frame);
        Action<VideoFrame, TimeSpan>? output;
        lock (_gate)
            output = _output;
        if (output is null)
            finished.Frame.Dispose();
        else
            output(finished.Frame, finished.Taken);
    }
}
