using StreamDiff.Pipeline.Live;

namespace StreamDiff.Pipeline.Tests.Runs;

/// <summary>Whole live runs of sources as they are in the field: that stand still, and come in bursts.</summary>
public sealed class FieldSourceTests : LiveRunTest
{
    private const string Bursts = "jitter 1000";

    [Fact]
    [Trait("Category", "Slow")]
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
            // A machine that stands still for a second loses what came in it: ten seconds without are waited for.
            WaitFor(() => HasShownNearlyAll(settled), "not nine of ten pictures of 300 are shown");
            Assert.InRange(Last.Jitter, time / 2, TimeSpan.FromSeconds(1));
        }
        await Stop.CancelAsync();
        await run;
    }

    [Fact]
    [Trait("Category", "Slow")]
    public async Task Run_SoundBeginsAfterThePictures_IsHeard()
    {
        var (port, output) = (Port(), Folder.File("out.mkv"));
        var run = Task.Run(() => Run($"udp://127.0.0.1:{port}", output));
        WaitFor("waiting");
        Send(port, 0, "");
        WaitFor(() => News.Any(n => n is { State: "open" } && n.Text.Contains("no sound", StringComparison.Ordinal)), "no pictures came");
        Send(port, 3, "-f lavfi -i sine=frequency=440:sample_rate=48000 -c:a aac");
        WaitFor(() => News.Any(n => n is { State: "sound", IsTrouble: false } && n.Text.StartsWith("aac", StringComparison.Ordinal)),
            "the sound was not noticed");
        await Stop.CancelAsync();
        await run;
        var volume = TestFolder.Command("ffmpeg", $"-v info -nostats -i {output} -af volumedetect -f null - 2>&1");
        Assert.DoesNotContain("max_volume: -91", volume, StringComparison.Ordinal);
        Assert.Contains("max_volume: -", volume, StringComparison.Ordinal);
    }

    // Three seconds of a transport stream.
    private static void Send(int port, int from, string sound) => TestFolder.Command("ffmpeg",
        $"-v error -re -f lavfi -i testsrc2=size=320x192:rate=30 {sound} -t 3 -c:v libx264 -preset ultrafast -tune zerolatency "
        + $"-pix_fmt yuv420p -g 30 -output_ts_offset {from} -tables_version {from} -f mpegts 'udp://127.0.0.1:{port}?pkt_size=1316'");

    private LiveStatus Last => Statuses.Last();

    private bool HasShownNearlyAll(int settled)
    {
        const int Pictures = 300;
        const double Share = 0.9;
        var since = Statuses.Skip(settled).ToList();
        return since.Exists(from => since.Find(s => s.FramesIn - from.FramesIn > Pictures) is { } to
            && to.FramesNew - from.FramesNew > (to.FramesIn - from.FramesIn) * Share);
    }
}
