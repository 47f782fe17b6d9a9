using System.Net;
using StreamDiff.Client;
using StreamDiff.Fleet.Tests.Support;
using StreamDiff.Server.Security;
using StreamDiff.Testing;

namespace StreamDiff.Fleet.Tests;

/// <summary>A session of a fleet, watched at the front with players that know nothing but an address.</summary>
public sealed class PlaylistTests
{
    [Fact]
    [Trait("Category", "Slow")]
    public async Task Player_AtTheFront_GivesItsKeyOnce_AndTheWorkersPlaylistHasItEverywhere()
    {
        using var folder = new TempFolder();
        var keys = new KeyFile(folder["data"]);
        var (admin, viewer) = (keys.Add("admin", Role.Admin, null), keys.Add("viewer", Role.Viewer, ["watched"]));
        await using var fleet = await TestFleet.Start(20, "--data", folder["data"], "--require-key");
        _ = await fleet.StartWorker(null, 8, "--secret-file", Path.Combine(folder["data"], "fleet.key"));
        using var client = new StudioClient(fleet.Address, admin);
        var session = await client.StartSession(TestFleet.Passed("watched", "test:testsrc2?size=128x64&rate=10&duration=0"));
        var root = new Uri(fleet.Address, "/api/v1/sessions/watched/hls/");

        foreach (var key in new[] { viewer, session.PlayKey! })
        {
            var file = folder[$"{key.Length}.mkv"];
            await fleet.Until(
                async () =>
                {
                    using var player = FleetProcess.Start(
                        folder[[]], "ffmpeg", "-v", "error", "-y", "-i", $"{root}index.m3u8?key={key}", "-t", "3", "-c", "copy", file);
                    await player.Ended();
                    var isTooEarly = player.Text.Contains("HTTP error 503", StringComparison.Ordinal);
                    Assert.True(isTooEarly || (player.ExitCode == 0 && player.Lines.All(l => l.Length == 0)), player.Text);
                    return !isTooEarly;
                },
                "it is played");
            using var probe = FleetProcess.Start(
                folder[[]], "ffprobe", "-v", "error", "-count_packets", "-show_entries", "stream=nb_read_packets", "-of", "csv=p=0", file);
            await probe.Ended();
            var packets = probe.Lines.Where(l => l.Length > 0).Select(int.Parse).ToList();
            Assert.True(packets is [>= 25, >= 100], probe.Text);
        }

        using var http = new HttpClient();
        var answer = await Asked(fleet, http, new Uri(root, $"stream.m3u8?key={viewer}"));
        var text = await answer.Content.ReadAsStringAsync();
        Assert.Equal("application/vnd.apple.mpegurl", answer.Content.Headers.ContentType!.ToString());
        Assert.Equal("no-store", string.Join(", ", answer.Headers.GetValues("Cache-Control")));
        Assert.Equal("*", string.Join(", ", answer.Headers.GetValues("Access-Control-Allow-Origin")));
        Assert.All(
            text.Split('\n').Where(l => l.Contains(".mp4", StringComparison.Ordinal) || l.Contains(".m4s", StringComparison.Ordinal)),
            l => Assert.Contains($"?key={viewer}", l, StringComparison.Ordinal));
        var part = text.Split('"').Last(p => p.StartsWith("part-", StringComparison.Ordinal));
        var data = await http.GetAsync(new Uri(root, part));
        Assert.Equal((HttpStatusCode.OK, "video/mp4"), (data.StatusCode, $"{data.Content.Headers.ContentType}"));
        Assert.Equal("max-age=60, private, immutable", $"{data.Headers.CacheControl}");
        // Once, whatever the front says of its own answers.
        Assert.Equal("cross-origin", string.Join(", ", data.Headers.GetValues("Cross-Origin-Resource-Policy")));

        // With the key in a header it is in no address, whatever else is sent.
        using var beside = new HttpRequestMessage(HttpMethod.Get, new Uri(root, "stream.m3u8"));
        beside.Headers.Authorization = new("Bearer", viewer);
        beside.Headers.Add("StreamDiff-Playlist-Key", "stolen");
        Assert.DoesNotContain("key=", await (await http.SendAsync(beside)).Content.ReadAsStringAsync(), StringComparison.Ordinal);
        Assert.Equal(HttpStatusCode.Unauthorized, (await http.GetAsync(new Uri(root, "stream.m3u8?key=x"))).StatusCode);

        await client.StopSession("watched");
        foreach (var secret in new[] { viewer, admin, session.PlayKey! })
            Assert.All(
                fleet.Workers.Values.Append(fleet.Front).SelectMany(p => p.Lines),
                line => Assert.DoesNotContain(secret, line, StringComparison.Ordinal));
    }

    // Asked again, as players do, where nothing came in time.
    private static async Task<HttpResponseMessage> Asked(TestFleet fleet, HttpClient http, Uri what)
    {
        HttpResponseMessage? answer = null;
        await fleet.Until(
            async () =>
            {
                answer?.Dispose();
                answer = await http.GetAsync(what);
                return answer.StatusCode != HttpStatusCode.ServiceUnavailable;
            },
            $"{what} is there");
        Assert.Equal(HttpStatusCode.OK, answer!.StatusCode);
        return answer;
    }

    [Fact]
    [Trait("Category", "Slow")]
    public async Task Player_WhoseWorkerIsLost_IsToldToComeAgain_AndGoesOnWithNewerSegments()
    {
        await using var fleet = await TestFleet.Start(2);
        _ = await fleet.StartWorker();
        _ = await fleet.StartWorker();
        _ = await fleet.Client.StartSession(TestFleet.Passed("moved", "test:testsrc2?size=128x64&rate=10&duration=0"));
        using var http = new HttpClient();
        var playlist = new Uri(fleet.Address, "/api/v1/sessions/moved/hls/stream.m3u8");
        var before = await (await Asked(fleet, http, playlist)).Content.ReadAsStringAsync();
        var (segment, part) = (Number(before), PartOf(before));
        Assert.Equal(HttpStatusCode.OK, (await http.GetAsync(new Uri(playlist, part))).StatusCode);
        fleet.Workers[(await fleet.WorkerOf("moved"))!].Kill();
        var after = before;
        await fleet.Until(
            async () =>
            {
                // As players do: what was told before is the past of the new worker's playlist.
                var answer = await http.GetAsync($"{playlist}?_HLS_msn={segment + 1}&_HLS_part=0");
                after = await answer.Content.ReadAsStringAsync();
                Assert.True(answer.StatusCode is HttpStatusCode.OK or HttpStatusCode.ServiceUnavailable, $"{answer.StatusCode}: {after}");
                return answer.StatusCode == HttpStatusCode.OK && Number(after) > segment;
            },
            "another worker plays it");
        Assert.True(PartOf(after) != part && (await http.GetAsync(new Uri(playlist, PartOf(after)))).StatusCode == HttpStatusCode.OK);

        static long Number(string text) => long.Parse(
            text.Split('\n').Single(l => l.StartsWith("#EXT-X-MEDIA-SEQUENCE:", StringComparison.Ordinal)).Split(':')[1],
            System.Globalization.CultureInfo.InvariantCulture);

        static string PartOf(string text) => text.Split('"').First(p => p.StartsWith("part-", StringComparison.Ordinal));
    }
}
