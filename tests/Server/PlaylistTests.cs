using System.Diagnostics;
using System.Globalization;
using System.Net;
using System.Net.Sockets;
using System.Text.RegularExpressions;
using StreamDiff.Client;
using StreamDiff.Server.Security;

namespace StreamDiff.Server.Tests;

/// <summary>A session watched with players that know nothing but an address.</summary>
public sealed partial class PlaylistTests
{
    private const string Root = "/api/v1/sessions/one/hls/";

    [Fact]
    public async Task Player_WithAKeyInTheAddress_ShowsTheSession_AndWithoutPlayersNothingIsEncoded()
    {
        await using var studio = await TestStudio.Start(change: s => s with
        {
            RequiresKey = true,
            PlaylistIdle = TimeSpan.FromSeconds(6),
        });
        var (client, viewer) = (studio.As(studio.Key("admin", Role.Admin)), studio.Key("viewer", Role.Viewer, "one"));
        await client.StartSession(TestStudio.Passthrough("one"));
        await TestStudio.Until(async () => (await client.GetSession("one")).Status is { FramesOut: > 0 });
        Assert.Equal(0, (await client.GetSession("one")).Status!.Encoders.Sum(e => e.Made));
        var recording = await client.StartRecording("one", new NewRecording("mkv"));

        // What ffmpeg plays: its pictures are those that another output of the session has, and its sound goes with them.
        var file = Path.Combine(studio.Folder, "played.mkv");
        var address = new Uri(studio.Address, $"{Root}index.m3u8?key={viewer}");
        var (code, said) = (1, "");
        // On a busy machine nothing may have come in time, which is said, or ffmpeg asks so late that nobody seems to ask.
        for (var left = 5; left > 0 && (code != 0 || said.Length > 0); left--)
            (code, said) = await Run("ffmpeg", $"-v error -nostdin -i {address} -t 3 -c copy -y {file}");
        Assert.True(code == 0 && said.Length == 0, said);
        Assert.Contains((await client.GetSession("one")).Status!.Outputs, o => o.Name == "players" && o.Sent > 0);
        await client.StopRecording("one", recording.Id);
        var (played, recorded) = (await Hashes(file), await Hashes(Path.Combine(studio.Folder, "recordings", "one", recording.Id)));
        Assert.InRange(played.Count, 10, 26);
        Assert.Contains(
            Enumerable.Range(0, recorded.Count - played.Count + 1), at => recorded.Slice(at, played.Count).SequenceEqual(played));
        var (_, packets) = await Run("ffprobe", $"-v error -show_entries packet=codec_type,pts_time -of csv=p=0 {file}");
        var times = packets.Split('\n', StringSplitOptions.RemoveEmptyEntries).Select(l => l.Split(',')).GroupBy(
            l => l[0], l => double.Parse(l[1], CultureInfo.InvariantCulture)).ToDictionary(g => g.Key, g => g.ToList());
        Assert.InRange(times["audio"].Count, 60, 150);
        Assert.All(times.Values, kind => Assert.Equal(kind.Order(), kind));
        Assert.InRange(times["audio"][0] - times["video"][0], -0.1, 0.1);

        // Nobody asks any more.
        await TestStudio.Until(async () => (await client.GetSession("one")).Status!.Outputs.All(o => o.Name != "players"));
        Assert.DoesNotContain((await client.GetSession("one")).Status!.Encoders, e => e.Outputs.Contains("players"));
        foreach (var other in new[] { studio.Key("other", Role.Viewer, "other"), "", "sdk_0" })
            Assert.Equal(
                other.Length > 10 ? HttpStatusCode.Forbidden : HttpStatusCode.Unauthorized,
                (await studio.Send("GET", $"{Root}index.m3u8?key={other}")).Status);
    }

    [Fact]
    public async Task Reload_OfAPartYetToCome_IsAnsweredWithIt_AndNonsenseIsRefused()
    {
        await using var studio = await TestStudio.StartLocked();
        var admin = studio.Key("admin", Role.Admin);
        var playKey = (await studio.As(admin).StartSession(TestStudio.Passthrough("one"))).PlayKey;
        Assert.Equal(HttpStatusCode.NotFound, (await Get("init-1.mp4")).Status);
        var (status, index) = await Get("index.m3u8");
        Assert.True(status == HttpStatusCode.OK, index);
        Assert.Matches(
            $"CODECS=\"avc1\\.[0-9A-F]{{6}},mp4a\\.40\\.2\",RESOLUTION=64x64,FRAME-RATE=8\\.000\nstream\\.m3u8\\?key={playKey}\n", index);

        var (_, text) = await Get("stream.m3u8");
        for (var i = 0; i < 12; i++)
        {
            var segment = long.Parse(Sequence().Match(text).Groups[1].Value, CultureInfo.InvariantCulture)
                + text.Split("#EXTINF").Length - 1;
            var parts = Parts(text[(text.LastIndexOf("#EXTINF", StringComparison.Ordinal) + 1)..]);
            var hint = Hint().Match(text).Groups[1].Value;
            Assert.DoesNotContain(hint, Parts(text));
            // Both wait for it; the part is whole when it comes.
            var waiting = Get(hint);
            (status, text) = await Get(FormattableString.Invariant($"stream.m3u8?_HLS_msn={segment}&_HLS_part={parts.Count}"));
            Assert.True(status == HttpStatusCode.OK, text);
            Assert.Contains(hint, Parts(text));
            Assert.Equal("moof", (await waiting).Body[4..8]);
        }
        Assert.True(text.Split("#EXTINF").Length > 2, text);
        Assert.All(Parts(text), part => Assert.EndsWith($"?key={playKey}", part, StringComparison.Ordinal));

        foreach (var wrong in new[]
        {
            "_HLS_msn=x", "_HLS_msn=-1", "_HLS_msn=99999999999999999999", "_HLS_msn=", "_HLS_part=1", "_HLS_msn=1&_HLS_part=x",
            "_HLS_msn=999999999999",
        })
        {
            (status, text) = await Get($"stream.m3u8?{wrong}");
            Assert.True(
                status == HttpStatusCode.BadRequest && text.Contains("_HLS_", StringComparison.Ordinal), $"{wrong}: {status} {text}");
        }
        foreach (var wrong in new[] { "part-1.m4s", "part-x.m4s", "segment-1.m4s", "init-1.mp4", "other.m4s" })
            Assert.Equal(HttpStatusCode.NotFound, (await Get(wrong)).Status);
        // Whoever sends the key beside the address finds no key in it, and nobody else's header is believed.
        var (_, plain) = await studio.Send("GET", $"{Root}stream.m3u8", key: admin, headers: ("StreamDiff-Playlist-Key", "stolen"));
        Assert.DoesNotContain("key=", plain, StringComparison.Ordinal);
        await studio.As(admin).StopSession("one");
        await TestStudio.Until(async () => (await Get("stream.m3u8")).Body.EndsWith("#EXT-X-ENDLIST\n", StringComparison.Ordinal));

        Task<(HttpStatusCode Status, string Body)> Get(string file) => Patiently(
            () => studio.Send("GET", Root + (
                file.Contains("key=", StringComparison.Ordinal) ? file : $"{file}{(file.Contains('?') ? '&' : '?')}key={playKey}")),
            a => a.Status);
    }

    [Fact]
    public async Task Page_OfAnotherOrigin_PlaysWhatItHasAKeyOf_AndNothingWhereNoneIsAskedFor()
    {
        await using var open = await TestStudio.Start();
        await using var locked = await TestStudio.StartLocked();
        // A key may have the name of who needs none inside of a fleet.
        var key = locked.Key("fleet", Role.Admin);
        using var http = new HttpClient();
        foreach (var (studio, own) in new[] { (open, null), (locked, key) })
        {
            await studio.As(own).StartSession(TestStudio.Passthrough("one"));
            using var answer = await Patiently(
                () => http.GetAsync(new Uri(studio.Address, $"{Root}index.m3u8?key={own ?? "x"}")), a => a.StatusCode);
            Assert.Equal(HttpStatusCode.OK, answer.StatusCode);
            Assert.Equal(own is not null, answer.Headers.Contains("Access-Control-Allow-Origin"));
            // An answer that cannot be read is none to come again after.
            using var wrong = await http.GetAsync(new Uri(studio.Address, $"{Root}part-1.m4s?key={own ?? "x"}"));
            Assert.Equal(
                (HttpStatusCode.NotFound, own is not null), (wrong.StatusCode, wrong.Headers.Contains("Access-Control-Allow-Origin")));
            Assert.Equal(own is not null, (await answer.Content.ReadAsStringAsync()).Contains("key=", StringComparison.Ordinal));
            // Nor does it set an encoder going there.
            using var asked = await Patiently(
                async () =>
                {
                    using var elsewhere = new HttpRequestMessage(
                        HttpMethod.Get, new Uri(studio.Address, $"{Root}index.m3u8?key={own ?? "x"}"));
                    elsewhere.Headers.Add("Sec-Fetch-Site", "cross-site");
                    return await http.SendAsync(elsewhere);
                },
                a => a.StatusCode);
            Assert.Equal(own is null ? HttpStatusCode.Forbidden : HttpStatusCode.OK, asked.StatusCode);
        }
    }

    [Theory]
    [InlineData(false, "127.0.0.1", "127.0.0.2")]
    // A front's own address is everybody's; it tells theirs. Of IPv6 a network counts.
    [InlineData(true, "2001:db8::", "192.0.2.1")]
    public async Task Waiting_OfOneAddress_KeepsNoOtherOut(bool isForwarded, string one, string another)
    {
        const string Token = "a front's";
        await using var studio = await TestStudio.Start(change: s => s with
        {
            Token = isForwarded ? Token : null,
            RequiresKey = isForwarded,
            Limits = s.Limits with { WaitingPlayers = 4 },
        });
        await studio.As(isForwarded ? Token : null).StartSession(TestStudio.Passthrough("one"));
        using var greedy = From(one);
        using var other = From(another);
        var asked = 0;
        var (_, newest) = await Get(other, "");
        using var over = new CancellationTokenSource();
        // Each waits for a segment that is still far away, again and again.
        var waiting = Enumerable.Range(0, 4).Select(async _ =>
        {
            while (!over.IsCancellationRequested)
            {
                var text = newest;
                var first = long.Parse(Sequence().Match(text).Groups[1].Value, CultureInfo.InvariantCulture);
                var (status, body) = await Get(greedy, FormattableString.Invariant($"?_HLS_msn={first + text.Split("#EXTINF").Length}"));
                if (status == HttpStatusCode.OK)
                    newest = body;
                else
                    await Task.Delay(20);
            }
        }).ToList();
        var refused = "";
        await TestStudio.Until(async () =>
        {
            (var status, refused) = await Get(greedy, "");
            return status == HttpStatusCode.ServiceUnavailable;
        });
        Assert.Contains($"2 requests from {one} wait for session one", refused, StringComparison.Ordinal);
        for (var i = 0; i < 20; i++)
            Assert.Equal(HttpStatusCode.OK, (await Get(other, "")).Status);
        await over.CancelAsync();
        await Task.WhenAll(waiting);

        HttpClient From(string address) => new(new SocketsHttpHandler
        {
            ConnectCallback = async (context, ct) =>
            {
                var socket = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
                if (!isForwarded)
                    socket.Bind(new IPEndPoint(IPAddress.Parse(address), 0));
                await socket.ConnectAsync(context.DnsEndPoint, ct);
                return new NetworkStream(socket, ownsSocket: true);
            },
        });

        async Task<(HttpStatusCode Status, string Body)> Get(HttpClient http, string query)
        {
            using var request = new HttpRequestMessage(HttpMethod.Get, new Uri(studio.Address, $"{Root}stream.m3u8{query}"));
            // Believed from a front only.
            request.Headers.Add(
                "StreamDiff-Player-Address",
                !isForwarded ? $"192.0.2.{Interlocked.Increment(ref asked) % 200}"
                : http == other ? another : $"2001:db8::{Interlocked.Increment(ref asked) % 200}");
            if (isForwarded)
                request.Headers.Authorization = new("Bearer", Token);
            using var answer = await http.SendAsync(request);
            return (answer.StatusCode, await answer.Content.ReadAsStringAsync());
        }
    }

    // As players do: where nothing came in time they ask again.
    private static async Task<T> Patiently<T>(Func<Task<T>> ask, Func<T, HttpStatusCode> status)
    {
        var answer = await ask();
        for (var left = 20; left > 0 && status(answer) == HttpStatusCode.ServiceUnavailable; left--)
        {
            (answer as IDisposable)?.Dispose();
            answer = await ask();
        }
        return answer;
    }

    private static List<string> Parts(string text) => [.. PartOf().Matches(text).Select(m => m.Groups[1].Value)];

    // As decoded.
    private static async Task<List<string>> Hashes(string file)
    {
        var (code, text) = await Run("ffmpeg", $"-v error -i {file} -map 0:v -fps_mode passthrough -f framemd5 -");
        Assert.True(code == 0, text);
        return [.. text.Split('\n').Where(l => l.Length > 0 && l[0] != '#').Select(l => l.Split(',')[^1].Trim())];
    }

    private static async Task<(int Code, string Text)> Run(string program, string arguments)
    {
        using var process = Process.Start(new ProcessStartInfo(program, arguments)
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        })!;
        var (text, errors) = (process.StandardOutput.ReadToEndAsync(), process.StandardError.ReadToEndAsync());
        await process.WaitForExitAsync();
        return (process.ExitCode, await text + await errors);
    }

    [GeneratedRegex("#EXT-X-MEDIA-SEQUENCE:([0-9]+)")]
    private static partial Regex Sequence();

    [GeneratedRegex("#EXT-X-PART:.*URI=\"([^\"]+)\"")]
    private static partial Regex PartOf();

    [GeneratedRegex("#EXT-X-PRELOAD-HINT:TYPE=PART,URI=\"([^\"]+)\"")]
    private static partial Regex Hint();
}
