using StreamDiff.Client;
using StreamDiff.Fleet.Tests.Support;

namespace StreamDiff.Fleet.Tests;

/// <summary>A model's session that changes its worker: nothing of what was changed is lost.</summary>
public sealed class ControlTests
{
    private static readonly string[] Tiny =
        ["--device", "cpu", "--size", "64x64", "--steps", "1", "--threads", "1", "--model", "tiny"];

    [Fact]
    [Trait("Category", "Slow")]
    public async Task Changes_WhoseEffectComesLaterThanAnybodyWaits_AreMadeOnce()
    {
        await using var fleet = await TestFleet.Start(120, "--device", "cpu", "--model", "tiny");
        _ = await fleet.StartWorker(more: Tiny);
        var address = $"rtmp://127.0.0.1:{TestFleet.FreePort()}/live/key";
        _ = await fleet.Client.StartSession(Show(address + "?listen=1"));
        await fleet.Until(async () => (await fleet.Client.GetSession("show")).State == SessionState.Running, "it runs");

        // Nobody publishes: no chunk begins, and nothing takes effect.
        for (var step = 1; step <= 2; step++)
            Assert.Equal(
                step + 1, (await fleet.Client.ChangeSession("show", new ControlRequest { Commands = ["seed next"] })).Version);
        var waited = await fleet.Client.Control("show", new ControlRequest { Commands = ["seed next 10"] }, wait: true);
        Assert.Equal((4L, "seed next 10", null), (waited.Version, Assert.Single(waited.Accepted), waited.Applied));
        _ = await fleet.Client.Control("show", new ControlRequest { Commands = ["signal fader 0.5"] });
        _ = await fleet.Client.Control("show", new ControlRequest { Prompt = "a mosaic" });

        await fleet.Shows(address, "show", 1);
        await fleet.Until(
            async () => (await fleet.Client.GetSession("show")).Controls is { Prompt: "a mosaic", Seed: 12 }, "each was made once");
    }

    [Fact]
    [Trait("Category", "Slow")]
    public async Task Changes_OfASessionWhoseWorkerIsKilled_AreThereOnTheNextOne()
    {
        await using var fleet = await TestFleet.Start(20, "--device", "cpu", "--model", "tiny");
        _ = await fleet.StartWorker(more: Tiny);
        _ = await fleet.Client.StartSession(Show("test:testsrc2?size=64x64&rate=2&duration=0"));
        await fleet.Until(async () => (await fleet.Client.GetSession("show")).State == SessionState.Running, "it runs");

        for (var seed = 1; seed <= 10; seed++)
            _ = await fleet.Client.Control("show", new ControlRequest { Seed = seed });
        var version = 11L;
        var reply = await Answered(new ControlRequest { Prompt = "a mosaic", NoiseScale = 0.4 });
        Assert.Equal((version, 2), (reply.Version, reply.Accepted.Count));
        // What a preset stands for, and lines, are remembered as well; what holds for a moment passes.
        _ = await fleet.Client.Control("show", new ControlRequest { Preset = "blueprint" });
        _ = await fleet.Client.Control("show", new ControlRequest { Commands = ["noise 0.38 blend 4", "seed next 2", "mix 0.8"] });
        // Also where a signal sets it off: the presets are the front's.
        version += 2;
        var set = await Answered(new ControlRequest { Commands = ["on fader preset blueprint blend 4"] });
        Assert.Equal("on fader prompt \"blueprint\" blend 4", set.Accepted[0]);
        Assert.DoesNotContain(set.Accepted, a => a.Contains("preset", StringComparison.Ordinal));
        ControlReply? passed = null;
        await fleet.Until(async () =>
        {
            try
            {
                passed = await fleet.Client.Control("show", new ControlRequest { Commands = ["signal fader 0.5"] });
                return true;
            }
            catch (StudioException e) when (e.Status == System.Net.HttpStatusCode.ServiceUnavailable)
            {
                return false;
            }
        }, "its worker answers");
        Assert.Equal((version, "signal fader 0.5"), (passed!.Version, Assert.Single(passed.Accepted)));
        var unknown = await Assert.ThrowsAsync<StudioException>(
            () => fleet.Client.Control("show", new ControlRequest { Preset = "blueprnt" }));
        Assert.Contains("there is no preset named blueprnt", unknown.Message, StringComparison.Ordinal);
        // What is refused changes nothing, also not of the version.
        var refused = await Assert.ThrowsAsync<StudioException>(() => fleet.Client.Control("show", new ControlRequest { NoiseScale = 7 }));
        Assert.Contains("noise", refused.Message, StringComparison.Ordinal);
        Assert.Equal(version, (await fleet.Client.GetSession("show")).Version);

        var second = await fleet.StartWorker(more: Tiny);
        fleet.Workers["w1"].Kill();
        await fleet.Until(
            async () => await fleet.Client.GetSession("show") is { Worker: "w2", State: SessionState.Running, Controls: not null } now
                && now.Controls is { Prompt: "blueprint", NoiseScale: 0.38, Seed: 12 },
            "the changes are there");
        Assert.False(second.HasExited);
        Assert.Equal(version, (await fleet.Client.GetSession("show")).Version);
        Assert.Equal(version + 1, (await fleet.Client.Control("show", new ControlRequest { Paused = true })).Version);

        // A worker of a busy machine may not say in time what it made of a change; the change is kept all the same, and can be made again.
        async Task<ControlReply> Answered(ControlRequest change)
        {
            for (var left = 20; left > 0; left--)
            {
                version++;
                if (await fleet.Client.Control("show", change) is { Accepted.Count: > 0 } reply)
                    return reply;
            }
            throw new TimeoutException("its worker never answers");
        }
    }

    [Fact]
    [Trait("Category", "Slow")]
    public async Task Stop_WhileAnEffectIsWaitedFor_DoesNotWaitBehindIt()
    {
        await using var fleet = await TestFleet.Start(120, "--device", "cpu", "--model", "tiny");
        _ = await fleet.StartWorker(more: Tiny);
        // A busy machine may need longer than an effect is waited for: one time out of some is enough.
        for (var left = 5; ; left--)
        {
            // Nobody publishes: no chunk begins, and nothing takes effect.
            _ = await fleet.Client.StartSession(Show($"rtmp://127.0.0.1:{TestFleet.FreePort()}/live/key?listen=1"));
            await fleet.Until(async () => (await fleet.Client.GetSession("show")).State == SessionState.Running, "it runs");
            var change = fleet.Client.Control("show", new ControlRequest { Seed = 7 }, wait: true);
            await fleet.Until(async () => (await fleet.Client.GetSession("show")).Version == 2, "the change is kept");
            await fleet.Client.StopSession("show");
            try
            {
                _ = await change;
                Assert.True(left > 1, "the session was never stopped before the wait was over");
            }
            catch (StudioException)
            {
                // It was gone before the change took effect.
                return;
            }
        }
    }

    private static NewSession Show(string input) => new()
    {
        Name = "show",
        Input = input,
        Prompt = "a watercolor",
        Size = "64x64",
        Fps = "2",
        Steps = 1,
        DeadlineMs = 60_000,
    };
}
