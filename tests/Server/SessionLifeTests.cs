using System.Diagnostics;
using System.Net;
using System.Text.Json;
using StreamDiff.Client;
using StreamDiff.Pipeline.Control;
using StreamDiff.Pipeline.Plan;
using StreamDiff.Transport.Media;

namespace StreamDiff.Server.Tests;

/// <summary>A session from its beginning to its end, by the typed client.</summary>
public sealed class SessionLifeTests
{
    [Fact]
    public async Task Session_WithoutAModel_IsBegunWatchedRecordedAndStopped()
    {
        await using var studio = await TestStudio.Start();
        await using var listener = new Listener(studio.Client);
        var client = studio.Client;

        var session = await client.StartSession(TestStudio.Passthrough("one"));
        Assert.Equal((SessionState.Running, "passthrough", "64x64"), (session.State, session.Model, session.Size));
        await listener.Next("session.firstFrame", "one");
        Assert.Equal(["one"], (await client.GetSessions()).Select(s => s.Name));
        await TestStudio.Until(async () => (await client.GetSession("one")).Status is { Source: "open", FramesOut: > 0 });

        Assert.Equal([0xFF, 0xD8, 0xFF], (await client.GetSnapshot("one"))[..3]);
        Assert.Equal("PNG"u8.ToArray(), (await client.GetSnapshot("one", isPng: true))[1..4]);

        var recording = await client.StartRecording("one", new NewRecording("mp4"));
        Assert.False(recording.IsComplete);
        await TestStudio.Until(async () => (await client.GetSession("one")).Status!.Outputs
            .Any(o => o.Sent > 8 && o.Name.EndsWith("mp4", StringComparison.Ordinal)));
        var stopped = await client.StopRecording("one", recording.Id);
        Assert.True(stopped is { IsComplete: true, Bytes: > 0 });
        await using (var download = await client.DownloadRecording("one", recording.Id))
        {
            await using var file = File.Create(Path.Combine(studio.Folder, "downloaded.mp4"));
            await download.CopyToAsync(file);
        }
        Assert.True(CountFrames(Path.Combine(studio.Folder, "downloaded.mp4")) > 8);

        var last = await client.StartRecording("one");
        await TestStudio.Until(async () => (await client.GetSession("one")).Status!.Outputs
            .Any(o => o.Sent > 0 && o.Name.EndsWith("mkv", StringComparison.Ordinal)));
        await client.StopSession("one");
        Assert.Equal(SessionState.Ended, (await client.GetSession("one")).State);
        await listener.Next("session.ended", "one");
        // A recording ends with its session.
        await TestStudio.Until(() => Task.FromResult(listener.Events.Count(e => e.Kind == "recording.ended") == 2));
        // What was recorded stays; a session that is over is forgotten when it is deleted once more.
        Assert.Equal(
            [(recording.Id, true), (last.Id, true)], (await client.GetRecordings("one")).Select(r => (r.Id, r.IsComplete)).Order());
        await client.StopSession("one");
        Assert.Equal(HttpStatusCode.NotFound, (await Refused(() => client.GetSession("one"))).Status);
        string[] order = ["session.started", "session.firstFrame", "recording.started", "recording.ended", "session.ended"];
        Assert.Equal(order, listener.Events.Where(e => order.Contains(e.Kind)).Select(e => e.Kind).Distinct());
    }

    [Fact]
    public async Task Session_WithTheModel_IsSteeredAndItsLogReplaysBitForBit()
    {
        await using var studio = await TestStudio.Start("tiny");
        await using var listener = new Listener(studio.Client);
        var client = studio.Client;
        Assert.Equal("tiny", (await client.GetStatus()).Model);
        var model = Assert.Single(await client.GetModels(), m => m.IsLoaded);
        Assert.Contains(model.Styles!, s => s.Name == "watercolor");

        var session = await client.StartSession(
            new NewSession { Name = "one", Input = TestStudio.Source, Prompt = "a watercolor", Seed = 7, Log = true });
        Assert.Equal(("a watercolor", 7L, 1), (session.Controls!.Prompt, session.Controls.Seed, session.Controls.Steps));
        await listener.Next("session.firstFrame", "one");
        var before = await client.GetSnapshot("one", isPng: true);

        var reply = await client.Control("one", new ControlRequest { Prompt = "a mosaic", Blend = 2, NoiseScale = 0.4 }, wait: true);
        Assert.Equal(["prompt \"a mosaic\" blend 2", "noise 0.4"], reply.Accepted);
        Assert.Equal(reply.Accepted, reply.Applied!.Select(a => a.Change));
        await listener.Next("control.applied", "one");
        var steered = await client.GetSession("one");
        Assert.Equal(("a mosaic", 0.4, reply.Version), (steered.Controls!.Prompt, steered.Controls.NoiseScale, steered.Version));
        await TestStudio.Until(async () => !Enumerable.SequenceEqual(before, await client.GetSnapshot("one", isPng: true)));

        // Somebody else has changed it meanwhile.
        var late = await Refused(() => client.ChangeSession("one", new ControlRequest { Seed = 8 }, session.Version));
        Assert.Equal(HttpStatusCode.PreconditionFailed, late.Status);
        Assert.Equal(8, (await client.ChangeSession("one", new ControlRequest { Seed = 8 }, steered.Version)).Controls!.Seed);
        // Also on the server's standard input.
        var told = await client.GetSession("one");
        studio.Server.ControlsOf("one")!.Apply(new SeedChange(8));
        late = await Refused(() => client.ChangeSession("one", new ControlRequest { Seed = 7 }, told.Version));
        Assert.Equal(HttpStatusCode.PreconditionFailed, late.Status);
        // All or none.
        var wrong = await Refused(() => client.Control("one", new ControlRequest { Seed = 9, Steps = 9 }));
        Assert.Equal("steps must be from 1 to 4, not 9", wrong.Message);
        Assert.Equal(8, (await client.GetSession("one")).Controls!.Seed);

        await client.StopSession("one");
        var ended = await client.GetSession("one");
        Assert.True(ended is { State: SessionState.Ended, Ended: not null, Status.FramesOut: > 0, Controls.Prompt: "a mosaic" });
        await using (var log = await client.DownloadLog("one"))
            Assert.True(log.ReadByte() >= 0);
        var replay = await client.StartReplay(
            new NewReplay { Session = "one", Input = TestStudio.Source.Replace("duration=0", "duration=600") });
        await TestStudio.Until(async () => (replay = await client.GetReplay(replay.Id)).State != "running");
        Assert.Equal(("done", true), (replay.State, replay.IsIdentical));
        await using var file = await client.DownloadReplay(replay.Id);
        Assert.True(file.ReadByte() >= 0);
    }

    [Fact]
    public async Task Start_TheSameOnceMore_IsTheSessionThatIsThere()
    {
        await using var studio = await TestStudio.Start();
        var first = await studio.Client.StartSession(TestStudio.Passthrough("one"));
        var again = await Task.WhenAll(Enumerable.Range(0, 8).Select(_ => studio.Client.StartSession(TestStudio.Passthrough("one"))));
        Assert.All(again, s => Assert.Equal(first.Created, s.Created));
        var other = await Refused(() => studio.Client.StartSession(TestStudio.Passthrough("one") with { Fps = "9" }));
        Assert.Equal(HttpStatusCode.Conflict, other.Status);
        Assert.Single(studio.Server.Sessions);
        // The name is free again when it is over.
        await studio.Client.StopSession("one");
        Assert.Equal(9, (await studio.Client.StartSession(TestStudio.Passthrough("one") with { Fps = "9" })).Fps);
    }

    [Fact]
    public async Task Start_WithMistakes_TellsAllOfThemInTheWordsOfTheCommandLine()
    {
        await using var studio = await TestStudio.Start();
        var refused = await Refused(() => studio.Client.StartSession(new NewSession
        {
            Name = "one",
            Input = "nowhere.mp4",
            Fit = "squeeze",
            Bitrate = 1,
            More = new Dictionary<string, JsonElement> { ["promt"] = JsonSerializer.SerializeToElement("x") },
        }));
        Assert.Equal(HttpStatusCode.UnprocessableEntity, refused.Status);
        var told = refused.Problem!.Problems!.Select(p => (p.Field, p.Text)).ToList();
        Assert.Contains((null, "promt is no option of a session: did you mean 'prompt'?"), told);
        Assert.Contains(("input", "input nowhere.mp4 does not exist"), told);
        Assert.Contains(("fit", "fit must be crop, letterbox or stretch, not squeeze"), told);
        Assert.Contains(("bitrate", "bitrate must be from 50 to 200000 kbit/s, not 1"), told);
        Assert.Empty(studio.Server.Sessions);
    }

    [Fact]
    public async Task Session_WhoseSourceIsNotThere_FailsWithItsReason()
    {
        await using var studio = await TestStudio.Start();
        await using var listener = new Listener(studio.Client);
        await studio.Client.StartSession(TestStudio.Passthrough("gone") with { Input = "v4l2:/dev/video-none" });
        await listener.Next("session.failed", "gone");
        await TestStudio.Until(async () => (await studio.Client.GetSession("gone")).State == SessionState.Failed);
        Assert.Contains("video-none", (await studio.Client.GetSession("gone")).Reason, StringComparison.Ordinal);
    }

    [Fact]
    [Trait("Category", "Slow")]
    public async Task Session_ToBeRestarted_BeginsAgainWithItsKeysUntilItIsStopped()
    {
        await using var studio = await TestStudio.Start();
        // Nobody ever publishes.
        var wanted = TestStudio.Passthrough("again") with
        {
            Input = "browser",
            More = new Dictionary<string, JsonElement>
            {
                ["restart"] = JsonSerializer.SerializeToElement(true),
                ["sourceGone"] = JsonSerializer.SerializeToElement(2),
            },
        };
        var first = await studio.Client.StartSession(wanted);
        var again = first;
        await TestStudio.Until(async () =>
            (again = await studio.Client.GetSession("again")) is { State: SessionState.Running } && again.Created > first.Created);
        Assert.Equal((first.PublishKey, first.PlayKey), (again.PublishKey, again.PlayKey));
        // At any time: it runs, or it waits for its next beginning.
        await studio.Client.StopSession("again");
        Assert.DoesNotContain(studio.Server.Sessions, s => s.Name == "again");
    }

    [Fact]
    public async Task Sessions_OfTheSessionsFile_AreSeenAndStoppedToo()
    {
        await using var studio = await TestStudio.Start();
        var options = RestyleOptions.Of(TestStudio.Source, "null:") with
        {
            Compute = new() { Model = ComputeOptions.Passthrough },
            Frame = new() { Size = (64, 64), Rate = new Rational(8, 1) },
            Live = new() { IsAsked = true },
        };
        studio.Server.Start("other", options, new Scheduling.Slo.SessionSlo());
        Assert.Equal(SessionState.Running, (await studio.Client.GetSession("other")).State);
        await studio.Client.StopSession("other");
        Assert.Empty(studio.Server.Sessions);
    }

    private static async Task<StudioException> Refused(Func<Task> ask) => await Assert.ThrowsAsync<StudioException>(ask);

    private static int CountFrames(string path)
    {
        using var probe = Process.Start(new ProcessStartInfo(
            "ffprobe",
            ["-v", "error", "-count_frames", "-select_streams", "v", "-show_entries", "stream=nb_read_frames", "-of", "csv=p=0", path])
        {
            RedirectStandardOutput = true,
        })!;
        return int.Parse(probe.StandardOutput.ReadToEnd().Trim(), System.Globalization.CultureInfo.InvariantCulture);
    }
}
