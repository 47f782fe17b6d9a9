using System.Collections.Concurrent;
using System.Diagnostics;
using System.Net;
using System.Net.WebSockets;
using System.Text.Json;
using System.Text.RegularExpressions;
using StreamDiff.Client;
using StreamDiff.Pipeline.Plan;
using StreamDiff.Server.Events;
using StreamDiff.Server.Hosting;
using StreamDiff.Server.Sessions;
using StreamDiff.Server.Storage;

namespace StreamDiff.Server.Tests;

/// <summary>What programs read that watch the studio.</summary>
[Collection(Alone.Name)]
public sealed partial class HealthTests
{
    [Fact]
    public async Task Ready_BeforeTheModelIsLoaded_SaysSoAndOthersWait()
    {
        var folder = Directory.CreateTempSubdirectory("streamdiff-studio-").FullName;
        var events = new EventFeed(TimeProvider.System);
        var sessions = new StudioSessions(
            new RestyleOptions(), [], events, new StudioFolder(folder), TimeProvider.System);
        await using (var studio = await StudioServer.StartAsync(
            new StudioSettings { Address = new IPEndPoint(IPAddress.Loopback, 0), Folder = folder }, sessions, _ => { }))
        {
            using var http = new HttpClient { BaseAddress = studio.Address };
            using (var healthy = await http.GetAsync("healthz"))
                Assert.Equal(HttpStatusCode.OK, healthy.StatusCode);
            using (var ready = await http.GetAsync("readyz"))
                Assert.Equal(HttpStatusCode.ServiceUnavailable, ready.StatusCode);
            using var client = new StudioClient(studio.Address);
            Assert.False((await client.GetStatus()).IsReady);
            var early = await Assert.ThrowsAsync<StudioException>(() => client.StartSession(TestStudio.Passthrough("one")));
            Assert.Equal("the model is still being loaded: try again in a moment", early.Message);
        }
        Directory.Delete(folder, recursive: true);
        await using var begun = await TestStudio.Start();
        Assert.Equal((HttpStatusCode.OK, "ready"), await begun.Send("GET", "/readyz"));
        Assert.True((await begun.Client.GetStatus()).IsReady);
    }

    [Fact]
    public async Task Metrics_OfSessions_AreWhatPrometheusReads()
    {
        await using var studio = await TestStudio.Start();
        await studio.Client.StartSession(TestStudio.Passthrough("one"));
        await studio.Client.StartSession(TestStudio.Passthrough("two"));
        string text = "";
        await TestStudio.Until(async () => FramesOf().Count(text = (await studio.Send("GET", "/metrics")).Body) == 2);
        Assert.Contains("streamdiff_session_source_open{", text, StringComparison.Ordinal);
        Assert.Contains("streamdiff_host_load{", text, StringComparison.Ordinal);
        Assert.Contains("http_server_request_duration_seconds_bucket{", text, StringComparison.Ordinal);
        // The dashboard asks for nothing that is not there.
        var board = File.ReadAllText(Path.Combine(RepositoryRoot(), "docs/studio/grafana-dashboard.json"));
        using var _ = JsonDocument.Parse(board);
        var asked = MetricName().Matches(board).Select(m => m.Value).Distinct().ToList();
        Assert.True(asked.Count > 8, "it has panels");
        // These come with a model only.
        Assert.All(asked.Where(a => !a.Contains("late_by_stage", StringComparison.Ordinal)),
            name => Assert.Contains(name, text, StringComparison.Ordinal));
    }

    [Fact]
    public async Task Traces_OfSessions_NameThem()
    {
        var spans = new ConcurrentQueue<(string, object?)>();
        using var looker = new ActivityListener
        {
            ShouldListenTo = source => source.Name == "StreamDiff.Studio",
            Sample = (ref ActivityCreationOptions<ActivityContext> _) => ActivitySamplingResult.AllData,
            ActivityStopped = span => spans.Enqueue((span.OperationName, span.GetTagItem("streamdiff.session"))),
        };
        ActivitySource.AddActivityListener(looker);
        await using var studio = await TestStudio.Start();
        await studio.Client.StartSession(TestStudio.Passthrough("traced"));
        await studio.Client.StopSession("traced");
        Assert.Equal(
            [("session.open", (object?)"traced"), ("session.stop", "traced")], spans.Where(s => Equals(s.Item2, "traced")));
    }

    [Fact]
    public async Task Events_OverAWebSocket_AreTheSame()
    {
        await using var studio = await TestStudio.Start();
        using var socket = new ClientWebSocket();
        using var patience = new CancellationTokenSource(TestStudio.Patience);
        await socket.ConnectAsync(
            new UriBuilder(studio.Address) { Scheme = "ws", Path = "/api/v1/events", Query = "session=one" }.Uri, patience.Token);
        await studio.Client.StartSession(TestStudio.Passthrough("other"));
        await studio.Client.StartSession(TestStudio.Passthrough("one"));
        var buffer = new byte[65_536];
        var received = await socket.ReceiveAsync(buffer, patience.Token);
        var happened = JsonSerializer.Deserialize<StudioEvent>(buffer.AsSpan(0, received.Count), StudioJson.Strict)!;
        Assert.Equal(("session.started", "one"), (happened.Kind, happened.Session));
        await socket.CloseAsync(WebSocketCloseStatus.NormalClosure, null, patience.Token);
        using var foreign = new ClientWebSocket();
        foreign.Options.SetRequestHeader("Origin", "https://elsewhere.example");
        await Assert.ThrowsAsync<WebSocketException>(
            () => foreign.ConnectAsync(new UriBuilder(studio.Address) { Scheme = "ws", Path = "/api/v1/events" }.Uri, patience.Token));
    }

    [Fact]
    public async Task Events_ThatWereMissed_ComeAgain()
    {
        await using var studio = await TestStudio.Start();
        await using var first = new Listener(studio.Client);
        await studio.Client.StartSession(TestStudio.Passthrough("one"));
        var seen = await first.Next("session.firstFrame");
        await studio.Client.StopSession("one");
        await first.Next("session.ended");
        using var patience = new CancellationTokenSource(TestStudio.Patience);
        await foreach (var missed in studio.Client.GetEvents(after: seen.Id, ct: patience.Token))
        {
            Assert.Equal(seen.Id + 1, missed.Id);
            break;
        }
    }

    [Fact]
    public async Task Presets_AreKeptAcrossStudios_AndNotOverwrittenUnseen()
    {
        await using var studio = await TestStudio.Start();
        var first = await studio.Client.PutPreset(new Preset { Name = "Van Gogh, strong", Settings = new() { Prompt = "van gogh" } });
        var settings = new PresetSettings
        {
            Prompt = "starry night",
            Blend = 8,
            NoiseScale = 0.3,
            Steps = 2,
            Loras = new Dictionary<string, double> { ["dusk"] = 0.5 },
        };
        var kept = await studio.Client.PutPreset(first with { Settings = settings }, version: first.Version);
        Assert.True(kept.Version > first.Version);
        var stale = await Assert.ThrowsAsync<StudioException>(() => studio.Client.PutPreset(kept, version: first.Version));
        Assert.Equal(HttpStatusCode.PreconditionFailed, stale.Status);
        await using var other = await TestStudio.Start(change: s => s with { Folder = studio.Folder });
        var own = Assert.Single(await other.Client.GetPresets(), p => !p.BuiltIn);
        Assert.Equivalent(settings, own.Settings);
        // A file that people can read and write.
        Assert.Equal(
            "prompt: \"starry night\"\nblend: 8\nnoise-scale: 0.3\nsteps: 2\nloras:\n  \"dusk\": 0.5\n",
            await File.ReadAllTextAsync(Path.Combine(studio.Folder, "presets", "Van Gogh, strong.yaml")));
        var (status, all) = await studio.Send("GET", "/api/v1/presets");
        Assert.Equal(HttpStatusCode.OK, (await studio.Send("POST", "/api/v1/presets", all)).Status);
        Assert.Equal(HttpStatusCode.OK, status);
        // All or none of them.
        var many = JsonSerializer.Serialize(
            Enumerable.Range(0, 500).Select(i => new { name = $"{i}", settings = new { prompt = "sepia" } }));
        Assert.Equal(HttpStatusCode.Conflict, (await studio.Send("POST", "/api/v1/presets", many)).Status);
        await studio.Client.DeletePreset("Van Gogh, strong");
        var builtIn = await studio.Client.GetPresets();
        Assert.All(builtIn, p => Assert.True(p.BuiltIn));
        Assert.StartsWith("data:image/", Assert.Single(builtIn, p => p.Name == "neon").Thumbnail, StringComparison.Ordinal);
        Assert.Equal(
            HttpStatusCode.Conflict, (await Assert.ThrowsAsync<StudioException>(() => studio.Client.DeletePreset("neon"))).Status);
        Assert.Equal(
            HttpStatusCode.UnprocessableEntity,
            (await studio.Send("PUT", "/api/v1/presets/x", """{"name":"x","settings":{"steps":9}}""")).Status);
        Assert.Equal(
            HttpStatusCode.UnprocessableEntity,
            (await studio.Send("PUT", "/api/v1/presets/x", """{"name":"x","settings":{},"thumbnail":"javascript:alert(1)"}""")).Status);
    }

    private static string RepositoryRoot()
    {
        var folder = new DirectoryInfo(AppContext.BaseDirectory);
        while (!File.Exists(Path.Combine(folder.FullName, "StreamDiff.sln")))
            folder = folder.Parent!;
        return folder.FullName;
    }

    [GeneratedRegex("^streamdiff_session_frames_given_total\\{.*session=\"(one|two)\"\\} [1-9]", RegexOptions.Multiline)]
    private static partial Regex FramesOf();

    [GeneratedRegex("(streamdiff|http_server|process|dotnet)_[a-z0-9_]+")]
    private static partial Regex MetricName();
}
