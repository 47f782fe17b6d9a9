using StreamDiff.CommandLine;
using StreamDiff.Pipeline.Live;

namespace StreamDiff.Cli.Live;

/// <summary>
/// Sees from a run's status whether pictures still go through: a device that hangs or a queue that nobody empties leaves a run that looks
/// alive and shows its last picture for ever.
/// </summary>
/// <param name="next">Told as well.</param>
internal sealed class FlowWatch(IProgress<LiveStatus> next) : IProgress<LiveStatus>
{
    private long _new;
    private long _in;
    private TimeSpan _since;
    private volatile bool _stands;

    /// <summary>
    /// False once pictures have come in for <see cref="ServiceManager.StandsStill"/> and none came out, after a first one that did.
    /// </summary>
    public bool IsAlive => !_stands;

    public void Report(LiveStatus value)
    {
        // Held pictures of a pause count as new; and where nothing comes in, there is nothing to make.
        if (value.FramesNew != _new || value.FramesIn == _in)
            (_new, _in, _since) = (value.FramesNew, value.FramesIn, value.Elapsed);
        _stands = _new > 0 && value.Elapsed - _since > ServiceManager.StandsStill;
        next.Report(value);
    }
}
