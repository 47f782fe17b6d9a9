using StreamDiff.Pipeline.Live;

namespace StreamDiff.Pipeline.Tests.Runs;

/// <summary>Whole live runs of sources as they are in the field: that stand still, and come in bursts.</summary>
public sealed class FieldSourceTests : LiveRunTest
{
    private const string Bursts = "jitter 1000";

    [Fact]
    public async Task Run_PublisherStandsStillOnce_SoundIsHandedOverBesideItsPicturesAgain()
    {
        var port = Port();
        var run = Task.Run(() => Run($"rtmp://127.0.0.1:{port}/live/k?listen=1", "null:"));
        WaitFor("waiting");
        using (var publisher = PublisherWithSound("flv", $"rtmp://127.0.0.1:{port}/live/k"))
        {
            WaitFor(() => Statuses.Any(s => s.FramesNew > 90), "no pictures came");
            publisher.StandStill(TimeSpan.FromMilliseconds(900));
            var before = Statuses.Count;
            WaitFor(() => Statuses.Count > before + 3 && Statuses.Last().SoundBehind < TimeSpan.FromMilliseconds(200),
                $"the sound stays {Last.SoundBehind.TotalMilliseconds:0} ms behind");
        }
        await Stop.CancelAsync();
        await run;
    }

    [Theory]
    [InlineData("rtmp", 300)]
    [InlineData("rtmp", 500)]
    [InlineData("udp", 400)]
    [Trait("Category", "Slow")]
    public async Task Run_SteadyPicturesInBursts_AreHeldAndNoneIsLost(string protocol, int every)
    {
        var port = Port();
        var input = protocol == "rtmp" ? $"rtmp://127.0.0.1:{port}/live/k?listen=1" : $"udp://127.0.0.1:{port}";
        var run = Task.Run(() => Run(input, "null:", o => o.With(Bursts)));
        WaitFor("waiting");
        var time = TimeSpan.FromMilliseconds(every);
        using (var relay = protocol == "rtmp" ? BurstRelay.Tcp(port, time) : BurstRelay.Udp(port, time))
        using (protocol == "rtmp"
            ? PublisherWithSound("flv", $"rtmp://127.0.0.1:{relay.Port}/live/k")
            : PublisherWithSound("mpegts", $"udp://127.0.0.1:{relay.Port}?pkt_size=1316"))
        {
            WaitFor(() => Statuses.Any(s => s.Jitter > time / 2), "the bursts were not noticed");
            var settled = Statuses.Count + 5;
            WaitFor(() => Statuses.Count > settled, "no more statuses");
            var before = Last;
            WaitFor(() => Last.FramesIn - before.FramesIn > 300, "no more pictures");
            var (taken, shown) = (Last.FramesIn - before.FramesIn, Last.FramesNew - before.FramesNew);
            Assert.True(shown > taken * 0.9, $"{shown} of {taken} pictures were shown: {string.Join(", ", Statuses.Select(Line))}");
            Assert.InRange(Last.Jitter, time / 2, TimeSpan.FromSeconds(1));
        }
        await Stop.CancelAsync();
        await run;
    }

    private LiveStatus Last => Statuses.Last();

    private static string Line(LiveStatus status) =>
        FormattableString.Invariant(
            $"in {status.FramesIn} new {status.FramesNew} held {status.Jitter.TotalMilliseconds:0} p50 {status.LatencyP50.TotalMilliseconds:0}");
}
