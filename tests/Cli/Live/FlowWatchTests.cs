using StreamDiff.Cli.Live;
using StreamDiff.Pipeline.Live;

namespace StreamDiff.Cli.Tests.Live;

/// <summary>What systemd's watchdog is told by.</summary>
public sealed class FlowWatchTests
{
    [Theory]
    // Nothing came out yet: a first picture may take its time.
    [InlineData(0, 5000, 0, true)]
    // Pictures come in and go out.
    [InlineData(10, 5000, 4000, true)]
    // They come in, and none goes out.
    [InlineData(10, 5000, 10, false)]
    // The source is away.
    [InlineData(10, 10, 10, true)]
    public void IsAlive_AfterTwoMinutes(long first, long framesIn, long framesNew, bool isAlive)
    {
        var watch = new FlowWatch(new Progress<LiveStatus>());
        watch.Report(Status(TimeSpan.Zero, 10, first));
        watch.Report(Status(TimeSpan.FromMinutes(1), framesIn, framesNew));
        Assert.True(watch.IsAlive);
        watch.Report(Status(TimeSpan.FromMinutes(3.5), framesIn + (framesIn > 10 ? 1 : 0), framesNew + (framesNew > first ? 1 : 0)));
        Assert.Equal(isAlive, watch.IsAlive);
        watch.Report(Status(TimeSpan.FromMinutes(3.6), framesIn + 2, framesNew + 2));
        Assert.True(watch.IsAlive);
    }

    private static LiveStatus Status(TimeSpan elapsed, long framesIn, long framesNew) => new(
        elapsed, "open", framesIn, framesNew, framesNew, 0, 0, 0, 0, 0, 0, default, default, default, default, default, default, default,
        [], []);
}
