using System.Net;
using System.Net.Http.Json;
using StreamDiff.Client;
using StreamDiff.Server.Security;

namespace StreamDiff.Server.Tests;

/// <summary>Who may do what, and that nothing secret is told.</summary>
public sealed class KeyTests
{
    [Fact]
    public async Task KeyFile_HoldsHashesForItsOwnerAlone_AndAKeyThatIsTakenAwayOpensNothing()
    {
        await using var studio = await TestStudio.StartLocked();
        var key = studio.Key("alice", Role.Operator, "show-*");
        var file = Path.Combine(studio.Folder, "keys.json");
        Assert.DoesNotContain(key, File.ReadAllText(file), StringComparison.Ordinal);
        Assert.DoesNotContain(key[KeyFile.Prefix.Length..], File.ReadAllText(file), StringComparison.Ordinal);
        Assert.True(TestStudio.IsPrivate(file));
        var caller = await studio.As(key).GetCaller();
        Assert.Equal(("alice", "operator"), (caller.Name, caller.Role));
        Assert.Equal(["show-*"], caller.Sessions);

        studio.Key("bob", Role.Viewer);
        Assert.True(TestStudio.IsPrivate(file));
        Assert.True(new KeyFile(studio.Folder).Remove("alice"));
        await TestStudio.Until(async () => (await studio.Send("GET", "/api/v1/me", key: key)).Status == HttpStatusCode.Unauthorized);
    }

    [Fact]
    public async Task Page_LogsInForACookie_WhichNoOtherPageCanUse()
    {
        await using var studio = await TestStudio.StartLocked();
        var key = studio.Key("alice", Role.Admin);
        using var handler = new SocketsHttpHandler { CookieContainer = new CookieContainer() };
        using var http = new HttpClient(handler) { BaseAddress = studio.Address };
        using (var wrong = await http.PostAsJsonAsync("api/v1/login", new Login("sdk_" + new string('0', 64))))
        {
            Assert.Equal(HttpStatusCode.Unauthorized, wrong.StatusCode);
            Assert.False(wrong.Headers.Contains("Set-Cookie"));
        }
        using (var login = await http.PostAsJsonAsync("api/v1/login", new Login(key)))
        {
            var cookie = Assert.Single(login.Headers.GetValues("Set-Cookie"));
            Assert.Contains("httponly", cookie, StringComparison.Ordinal);
            Assert.Contains("samesite=strict", cookie, StringComparison.Ordinal);
            Assert.DoesNotContain(key, cookie, StringComparison.Ordinal);
        }
        Assert.Equal("alice", (await http.GetFromJsonAsync<CallerInfo>("api/v1/me"))!.Name);
        using (var cross = new HttpRequestMessage(HttpMethod.Post, "api/v1/sessions"))
        {
            cross.Headers.Add("Origin", "https://elsewhere.example");
            cross.Content = JsonContent.Create(TestStudio.Passthrough("one"), options: StudioJson.Strict);
            using var refused = await http.SendAsync(cross);
            Assert.Equal(HttpStatusCode.Forbidden, refused.StatusCode);
        }
        using (await http.PostAsync("api/v1/logout", null))
        using (var after = await http.GetAsync("api/v1/me"))
            Assert.Equal(HttpStatusCode.Unauthorized, after.StatusCode);
        // A ticket is worth nothing once its key is gone.
        using (await http.PostAsJsonAsync("api/v1/login", new Login(key)))
            new KeyFile(studio.Folder).Remove("alice");
        await TestStudio.Until(async () =>
        {
            using var gone = await http.GetAsync("api/v1/me");
            return gone.StatusCode == HttpStatusCode.Unauthorized;
        });
    }

    [Fact]
    public async Task Login_TriedTooOften_IsRefusedForAWhile()
    {
        await using var studio = await TestStudio.Start(
            change: s => s with { RequiresKey = true, Limits = s.Limits with { LoginsPerMinute = 3 } });
        var answers = new List<HttpStatusCode>();
        for (var i = 0; i < 5; i++)
            answers.Add((await studio.Send("POST", "/api/v1/login", "{\"key\":\"x\"}")).Status);
        Assert.Equal(HttpStatusCode.Unauthorized, answers[0]);
        Assert.Equal(HttpStatusCode.TooManyRequests, answers[^1]);
    }

    [Fact]
    public async Task PlayAndPublishKeys_OpenTheirSessionsRoutesOnly()
    {
        await using var studio = await TestStudio.StartLocked();
        var admin = studio.As(studio.Key("admin", Role.Admin));
        var viewer = studio.As(studio.Key("viewer", Role.Viewer));
        var one = await admin.StartSession(TestStudio.Passthrough("one"));
        var two = await admin.StartSession(TestStudio.Passthrough("two"));
        Assert.NotEqual(one.PlayKey, two.PlayKey);
        Assert.Null((await viewer.GetSession("one")).PublishKey);
        Assert.Null((await viewer.GetSession("one")).PlayKey);
        await TestStudio.Until(async () =>
            (await studio.Send("GET", $"/api/v1/sessions/one/snapshot?key={one.PlayKey}")).Status == HttpStatusCode.OK);
        foreach (var path in new[]
        {
            $"/api/v1/sessions/one/snapshot?key={two.PlayKey}", $"/api/v1/sessions/one/snapshot?key={one.PublishKey}",
            $"/api/v1/sessions/one?key={one.PlayKey}", $"/api/v1/sessions/two/snapshot?key={one.PlayKey}",
            $"/api/v1/events?key={one.PlayKey}",
        })
            Assert.Equal(HttpStatusCode.Unauthorized, (await studio.Send("GET", path)).Status);
        Assert.Equal(HttpStatusCode.Unauthorized, (await studio.Send("DELETE", "/api/v1/sessions/one", key: one.PlayKey)).Status);
    }

    [Fact]
    public async Task Files_OfTheMachine_AreForAdmins()
    {
        await using var studio = await TestStudio.StartLocked();
        var operating = studio.As(studio.Key("operator", Role.Operator));
        var file = Path.Combine(studio.Folder, "precious.mkv");
        await File.WriteAllTextAsync(file, "a secret");
        var outside = TestStudio.Passthrough("one");
        foreach (var session in new[]
        {
            outside with { Input = file }, outside with { Input = $"file://{file}" }, outside with { Outputs = [file] },
            outside with { Input = $"concat:{file}" }, outside with { Input = $"subfile://{file}" },
            outside with { Outputs = ["null:", Path.Combine(studio.Folder, "new.mkv")] }, outside with { Fallback = file },
            outside with { Input = "screen::0" }, outside with { Input = $"v4l2:{file}" },
        })
            await Assert.ThrowsAsync<StudioException>(() => operating.StartSession(session));
        Assert.Empty(studio.Server.Sessions);
        Assert.False(File.Exists(Path.Combine(studio.Folder, "new.mkv")));
        Assert.Equal("a secret", await File.ReadAllTextAsync(file));
        var refused = await Assert.ThrowsAsync<StudioException>(() => operating.StartSession(outside with { Fallback = file }));
        Assert.Equal(HttpStatusCode.Forbidden, refused.Status);
        // What is in one, and whether it is there, is not told either.
        var key = studio.Key("another operator", Role.Operator);
        foreach (var (field, path) in new[] { ("timeline", file), ("fallback", $"{file}.none"), ("log", file), ("input", $"{file}.none") })
        {
            var (status, text) = await studio.Send(
                "POST", "/api/v1/sessions", $$"""{"name":"two","{{field}}":"{{path}}","steps":99}""", key);
            Assert.Equal(HttpStatusCode.Forbidden, status);
            Assert.DoesNotContain("a secret", text, StringComparison.Ordinal);
        }
        var admin = studio.As(studio.Key("admin", Role.Admin));
        await admin.StartSession(outside with { Outputs = [Path.Combine(studio.Folder, "new.mkv")] });
        // Nor as masks, also where a signal would open them.
        foreach (var mask in (string[])
            [file, $"file://{file}", $"concat:{file}", "screen::0", $"rtmps://127.0.0.1:8443/a/b?listen=1&cert={file}&cert-key={file}"])
        {
            var masked = await Assert.ThrowsAsync<StudioException>(
                () => operating.Control("one", new ControlRequest { Commands = [$"on beat region mask \"{mask}\""] }));
            Assert.Equal(HttpStatusCode.Forbidden, masked.Status);
        }
    }

    [Fact]
    public async Task NothingSecret_IsTold()
    {
        await using var studio = await TestStudio.StartLocked();
        var (adminKey, viewerKey) = (studio.Key("admin", Role.Admin), studio.Key("viewer", Role.Viewer));
        var admin = studio.As(adminKey);
        await using var listener = new Listener(studio.As(viewerKey));
        var port = 20_000 + Random.Shared.Next(20_000);
        var session = await admin.StartSession(TestStudio.Passthrough("one") with
        {
            Input = $"rtmp://127.0.0.1:{port}/live/{{publishKey}}?listen=1",
            Outputs = ["null:", "srt://127.0.0.1:9?mode=caller&passphrase={playKey}"],
        });
        await listener.Next("session.started", "one");
        await TestStudio.Until(async () => (await admin.GetSession("one")).Status is { Outputs.Count: >= 2 });
        var told = new List<string>
        {
            (await studio.Send("GET", "/metrics", key: viewerKey)).Body,
            (await studio.Send("GET", "/api/v1/sessions", key: viewerKey)).Body,
            (await studio.Send("GET", "/api/v1/sessions/one", key: viewerKey)).Body,
            (await studio.Send("GET", "/api/v1/status", key: viewerKey)).Body,
            (await studio.Send("GET", "/api/v1/nowhere?key=" + adminKey, key: viewerKey)).Body,
            (await studio.Send("POST", "/api/v1/sessions", "{\"name\":\"two\",\"input\":\"rtmp://127.0.0.1:" + port + "/live/"
                + session.PublishKey
                + "?listen=1\",\"model\":\"passthrough\"}", adminKey)).Body,
            await File.ReadAllTextAsync("/proc/self/cmdline"),
        };
        told.AddRange(studio.Said);
        told.AddRange(listener.Events.Select(e => e.Text));
        foreach (var secret in new[] { adminKey, viewerKey, session.PublishKey!, session.PlayKey! })
            Assert.All(told.SkipLast(0).Where(t => !t.Contains("\"publishKey\"", StringComparison.Ordinal)),
                t => Assert.DoesNotContain(secret, t, StringComparison.Ordinal));
        Assert.DoesNotContain("publishKey", told[1] + told[2], StringComparison.Ordinal);
    }
}
