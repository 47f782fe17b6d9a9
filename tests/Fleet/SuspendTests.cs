using StreamDiff.Client;
using StreamDiff.Fleet.Tests.Support;

namespace StreamDiff.Fleet.Tests;

/// <summary>A model's session that nobody needs for a while.</summary>
public sealed class SuspendTests
{
    [Fact]
    [Trait("Category", "Slow")]
    public async Task Suspended_GoesOnWhereItWas_WithItsCachesAndWhatWasChangedMeanwhile_AndAnewWhereThatIsTaken()
    {
        await using var fleet = await TestFleet.Start(20, "--device", "cpu", "--model", "tiny", "--suspend-after", "2");
        string[] tiny = ["--device", "cpu", "--size", "64x64", "--steps", "1", "--threads", "1", "--model", "tiny"];
        var first = await fleet.StartWorker(streams: 1, more: tiny);
        var port = TestFleet.FreePort();
        var address = $"rtmp://127.0.0.1:{port}/live/key";
        _ = await fleet.Client.StartSession(Session("show", address + "?listen=1"));
        await fleet.Shows(address, "show", 8);
        _ = await fleet.Client.Control("show", new ControlRequest { Seed = 7, Commands = ["signal fader 0.5", "on knob mix 1"] });
        // At any time, also while it is being suspended: no change is refused or lost.
        var seed = 7L;
        for (; (await fleet.Client.GetSession("show")).State != SessionState.Suspended; seed++)
        {
            Assert.Equal(seed - 4, (await fleet.Client.Control("show", new ControlRequest { Seed = seed + 1 })).Version);
            await Task.Delay(150);
        }
        await Suspended(fleet, first, 1);
        var frames = (await fleet.Client.GetSession("show")).Status!.FramesOut;
        await fleet.Until(
            async () => (await fleet.Client.GetStatus()).Host is { Suspended: 1, SuspendedBytes: > 10_000 }, "the status says so");
        // Its place is free, and what is changed meanwhile is not lost.
        _ = await fleet.Client.StartSession(Session("other", "test:testsrc2?size=64x64&rate=4&duration=0"));
        await fleet.Client.StopSession("other");
        // Also what takes something away, and what its worker has no file for.
        Assert.Equal(seed - 4, (await fleet.Client.Control(
            "show",
            new ControlRequest { Prompt = "a mosaic", Commands = ["on knob off", "region mask nothing.png", "tempo 90"] })).Version);
        await fleet.Client.StopSession("other");

        await fleet.Shows(address, "show", frames + 9);
        var resumed = await fleet.Client.GetSession("show");
        Assert.Equal(("w1", "a mosaic", seed), (resumed.Worker, resumed.Controls!.Prompt, resumed.Controls.Seed));
        Assert.Equal(["tempo 90"], resumed.Controls.Standing);
        await foreach (var happened in fleet.Client.GetEvents("show", after: 0))
            if (happened.Kind == "control.failed")
            {
                Assert.StartsWith("region mask \"nothing.png\": cannot be made again here: ", happened.Text, StringComparison.Ordinal);
                break;
            }
        Assert.Single(first.Lines, l => l.Contains("resumed with what its caches held", StringComparison.Ordinal));

        // Somebody else has its place by then: it begins anew elsewhere.
        await Suspended(fleet, first, 2);
        _ = await fleet.Client.StartSession(Session("other", "test:testsrc2?size=64x64&rate=4&duration=0"));
        var second = await fleet.StartWorker(streams: 1, more: tiny);
        await fleet.Shows(address, "show", 1);
        var anew = await fleet.Client.GetSession("show");
        Assert.Equal(("w2", "a mosaic", seed), (anew.Worker, anew.Controls!.Prompt, anew.Controls.Seed));
        Assert.DoesNotContain(second.Lines, l => l.Contains("resumed", StringComparison.Ordinal));
    }

    private static Task Suspended(TestFleet fleet, FleetProcess worker, int times) => fleet.Until(
        async () => (await fleet.Client.GetSession("show")).State == SessionState.Suspended
            && worker.Lines.Count(l => l.Contains("of its caches are kept in host memory", StringComparison.Ordinal)) == times,
        "it is suspended");

    private static NewSession Session(string name, string input) => new()
    {
        Name = name,
        Input = input,
        Prompt = "a watercolor",
        Size = "64x64",
        Fps = "4",
        Steps = 1,
        DeadlineMs = 60_000,
    };
}
