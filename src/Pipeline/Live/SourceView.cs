using StreamDiff.Pipeline.Telemetry;
using StreamDiff.Transport.Media;
using StreamDiff.Transport.Media.Encoded;
using StreamDiff.Transport.Media.Live;

namespace StreamDiff.Pipeline.Live;

/// <summary>
/// Shows what a live run takes in to viewers who compare it with what comes out: each frame at the time in the output that its restyled one
/// gets. Costs nothing while nobody looks.
/// </summary>
internal sealed class SourceView : IDisposable
{
    private readonly PacketRelay _relay;
    private readonly Rational _rate;
    private readonly FramePool _frames = new();
    private readonly Encoders _encoders;
    private long _last = -1;

    /// <param name="options">Size and rate of the run's outputs.</param>
    /// <param name="relay">Whom it is shown to.</param>
    /// <param name="clock">The run's.</param>
    /// <param name="log">Told of trouble.</param>
    public SourceView(LiveSinkOptions options, PacketRelay relay, LiveClock clock, Action<LiveEvent> log)
    {
        (_relay, _rate) = (relay, options.FrameRate);
        // The cheapest picture: it is only compared with.
        var format = options with { Output = "view of the source", HasSound = false, Preset = "ultrafast", VideoCodec = "libx264" };
        _encoders = new Encoders(clock, news => Tell(news, log));
        _ = _encoders.Serve(format, relay);
    }

    /// <summary>Shows a frame, of which it keeps nothing; from the source's thread.</summary>
    /// <param name="frame">The frame.</param>
    /// <param name="taken">When it was taken.</param>
    /// <param name="lag">See <see cref="OutputPacer.Lag"/>.</param>
    public void Show(VideoFrame frame, TimeSpan taken, TimeSpan? lag)
    {
        if (_relay.Readers == 0 || lag is not { } behind)
            return;
        var number = (long)Math.Round((taken + behind).TotalSeconds * _rate.ToDouble());
        if (number <= _last)
            return;
        _last = number;
        var copy = VideoFrame.Rent(_frames, frame.Width, frame.Height);
        frame.Pixels.CopyTo(copy.Pixels);
        using var shared = new SharedFrame(copy);
        _encoders.Send(shared, number, null);
    }

    public void Dispose()
    {
        _encoders.Dispose();
        _frames.Dispose();
    }

    // That it is there is nobody's concern: it is no output that was asked for.
    private static void Tell(LiveEvent news, Action<LiveEvent> log)
    {
        if (news.IsTrouble)
            log(news);
    }
}
