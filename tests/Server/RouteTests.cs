using System.Net;
using System.Text.Json;
using StreamDiff.Server.Security;

namespace StreamDiff.Server.Tests;

/// <summary>What holds for every route, taken from the studio's own description: a new route is held to it too.</summary>
public sealed class RouteTests
{
    // Neither a page's file nor a stream between machines has a description of its own.
    private static readonly string[] Undescribed = ["GET /metrics", "GET /openapi/v1.json"];
    private static readonly string[] Open = ["GET /healthz", "GET /readyz", "POST /api/v1/login"];

    [Fact]
    public async Task EachRoute_WithoutAKey_IsClosedButHealthAndLogin()
    {
        await using var studio = await TestStudio.StartLocked();
        var routes = await ApiRoute.Read(studio.Address, studio.Key("admin", Role.Admin));
        Assert.True(routes.Count > 30, "the description has all routes");
        Assert.Equal(Open.Order(), routes.Where(r => r.IsOpen).Select(r => r.ToString()).Order());
        foreach (var route in routes.Where(r => !r.IsOpen))
            foreach (var key in new[] { null, "sdk_" + new string('0', 64), "", "x" })
                Assert.True(
                    await Status(studio, route, key) == HttpStatusCode.Unauthorized, $"{route} answers to the key '{key}'");
        foreach (var route in Undescribed.Append("GET /nowhere").Append("GET /api/v1/nowhere").Append("PUT /api/v1/sessions"))
            Assert.Equal(HttpStatusCode.Unauthorized, (await studio.Send(route.Split(' ')[0], route.Split(' ')[1])).Status);
        Assert.Equal(HttpStatusCode.OK, (await studio.Send("GET", "/healthz")).Status);
        // Keys do not come by the address where a header can be set.
        var another = studio.Key("again", Role.Admin);
        Assert.Equal(HttpStatusCode.Unauthorized, (await studio.Send("GET", $"/api/v1/sessions?key={another}")).Status);
    }

    [Fact]
    public async Task EachRoute_WithAKeyOfALesserRole_IsForbidden()
    {
        await using var studio = await TestStudio.StartLocked();
        var (viewer, operating) = (studio.Key("viewer", Role.Viewer), studio.Key("operator", Role.Operator));
        foreach (var route in (await ApiRoute.Read(studio.Address, viewer)).Where(r => !r.IsOpen))
        {
            if (route.Role is "operator" or "admin")
                Assert.True(await Status(studio, route, viewer) == HttpStatusCode.Forbidden, $"{route} is open to a viewer");
            if (route.Role == "admin")
                Assert.True(await Status(studio, route, operating) == HttpStatusCode.Forbidden, $"{route} is open to an operator");
        }
    }

    [Fact]
    public async Task EachRouteOfASession_WithAKeyForAnother_IsForbidden()
    {
        await using var studio = await TestStudio.StartLocked();
        var key = studio.Key("operator", Role.Operator, "mine", "show-*");
        var routes = await ApiRoute.Read(studio.Address, key);
        foreach (var route in routes.Where(r => r.Path.Contains("/sessions/{name}", StringComparison.Ordinal)))
        {
            Assert.True((await studio.Send(route.Method, route.With("theirs"), Body(route), key)).Status == HttpStatusCode.Forbidden,
                $"{route}");
            Assert.True((await studio.Send(route.Method, route.With("show-1"), Body(route), key)).Status != HttpStatusCode.Forbidden,
                $"{route}");
        }
        await studio.As(studio.Key("admin", Role.Admin)).StartSession(TestStudio.Passthrough("theirs"));
        Assert.Empty(await studio.As(key).GetSessions());
        Assert.Equal(
            HttpStatusCode.Forbidden,
            (await Assert.ThrowsAsync<Client.StudioException>(() => studio.As(key).StartSession(TestStudio.Passthrough("other")))).Status);
        await studio.As(key).StartSession(TestStudio.Passthrough("mine"));
        Assert.Equal(["mine"], (await studio.As(key).GetSessions()).Select(s => s.Name));
    }

    [Fact]
    public async Task EachRoute_FromAPageElsewhereOrByAnotherName_IsRefused()
    {
        await using var studio = await TestStudio.Start();
        foreach (var route in await ApiRoute.Read(studio.Address))
        {
            var path = route.With("x");
            Assert.Equal(
                HttpStatusCode.MisdirectedRequest,
                (await studio.Send(route.Method, path, Body(route), headers: ("Host", "rebound.example"))).Status);
            Assert.Equal(
                HttpStatusCode.Forbidden,
                (await studio.Send(route.Method, path, Body(route), headers: ("X-Forwarded-For", "203.0.113.7"))).Status);
            if (route.Method == "GET")
                continue;
            foreach (var header in new[]
            {
                ("Origin", "https://rebound.example"), ("Origin", "null"), ("Origin", $"http://127.0.0.1:{studio.Address.Port + 1}"),
                ("Origin", $"https://127.0.0.1:{studio.Address.Port}"), ("Sec-Fetch-Site", "cross-site"), ("Sec-Fetch-Site", "same-site"),
            })
                Assert.True(
                    (await studio.Send(route.Method, path, Body(route), headers: header)).Status == HttpStatusCode.Forbidden,
                    $"{route} takes {header}");
        }
        var own = studio.Address.GetLeftPart(UriPartial.Authority);
        var (status, text) = await studio.Send(
            "POST", "/api/v1/sessions", JsonSerializer.Serialize(TestStudio.Passthrough("one"), Client.StudioJson.Strict),
            headers: [("Origin", own), ("Sec-Fetch-Site", "same-origin")]);
        Assert.True(status == HttpStatusCode.Created, text);
    }

    [Theory]
    [InlineData("POST", "/api/v1/login", """{"key":null}""")]
    [InlineData("POST", "/api/v1/login", "{}")]
    [InlineData("POST", "/api/v1/login", "null")]
    [InlineData("POST", "/api/v1/presets", "[null]")]
    [InlineData("PUT", "/api/v1/presets/x", """{"name":"x","settings":null}""")]
    [InlineData("PUT", "/api/v1/presets/x", """{"name":null,"settings":{}}""")]
    [InlineData("POST", "/api/v1/replays", """{"session":"one","input":null}""")]
    [InlineData("POST", "/api/v1/sessions/one/controls", """{"commands":[null]}""")]
    [InlineData("POST", "/api/v1/sessions", """{"name":"one","input":null}""")]
    public async Task Body_WithNothingWhereSomethingMustBe_IsRefused(string method, string path, string body)
    {
        await using var studio = await TestStudio.Start();
        var (status, text) = await studio.Send(method, path, body);
        Assert.True((int)status is >= 400 and < 500, $"{status} {text}");
    }

    [Fact]
    public async Task EachRoute_WithNamesThatLeadElsewhere_StaysInItsFolder()
    {
        await using var studio = await TestStudio.Start();
        File.WriteAllText(Path.Combine(studio.Folder, "secret"), "precious");
        string[] names =
        [
            "..", "%2e%2e", "..%2fsecret", "..%2F..%2Fsecret", "%2e%2e%2fsecret", "..%5csecret", "%2fetc%2fpasswd", "x%00", ".hidden",
            "x%0a", "%20", new string('x', 65), "%c0%ae%c0%ae%2fsecret",
        ];
        foreach (var route in (await ApiRoute.Read(studio.Address)).Where(r => r.HasNames))
            foreach (var name in names)
            {
                var (status, body) = await RawRequest.Send(studio.Address, route.Method, route.With(name), Body(route));
                Assert.True(status is >= 400 and < 500, $"{route} with {name}: {status} {body}");
                Assert.DoesNotContain("precious", body, StringComparison.Ordinal);
                Assert.DoesNotContain("root:", body, StringComparison.Ordinal);
            }
        Assert.Equal("precious", File.ReadAllText(Path.Combine(studio.Folder, "secret")));
    }

    [Fact]
    public async Task EachRouteWithABody_TakesNoOtherKindAndNoneTooLarge()
    {
        await using var studio = await TestStudio.Start(change: s => s with { Limits = s.Limits with { BodyBytes = 100_000 } });
        foreach (var route in (await ApiRoute.Read(studio.Address)).Where(r => r.TakesBody))
        {
            var path = route.With("x");
            string[] types = ["text/plain", "application/x-www-form-urlencoded", "application/xml", "multipart/form-data; boundary=x"];
            foreach (var type in types)
                Assert.True(
                    (await studio.Send(route.Method, path, "{}", contentType: type)).Status == HttpStatusCode.UnsupportedMediaType,
                    $"{route} takes {type}");
            var large = $"{{\"name\":\"{new string('x', 200_000)}\"}}";
            Assert.True(
                (await studio.Send(route.Method, path, large)).Status == HttpStatusCode.RequestEntityTooLarge,
                $"{route} takes a large body");
            var (status, body) = await studio.Send(route.Method, path, "nonsense");
            Assert.True(status == HttpStatusCode.BadRequest, $"{route}: {status} {body}");
            Assert.True(body.Contains("valid JSON", StringComparison.Ordinal), $"{route}: {body}");
        }
    }

    [Fact]
    public async Task Problems_AreToldAsProblemJsonWithOneLine()
    {
        await using var studio = await TestStudio.Start();
        using var http = new HttpClient { BaseAddress = studio.Address };
        foreach (var path in new[] { "nowhere", "api/v1/sessions/none", "api/v1/models/none", "api/v1/replays/1", "api/v1/presets/none" })
        {
            using var answer = await http.GetAsync(path);
            Assert.Equal(HttpStatusCode.NotFound, answer.StatusCode);
            Assert.Equal("application/problem+json", answer.Content.Headers.ContentType!.MediaType);
            var problem = JsonSerializer.Deserialize<Client.Problem>(await answer.Content.ReadAsStringAsync(), Client.StudioJson.Lenient)!;
            Assert.Equal(404, problem.Status);
            Assert.DoesNotContain('\n', problem.Detail);
        }
    }

    [Fact]
    public async Task Page_HasAStrictPolicyAndNothingInline()
    {
        await using var studio = await TestStudio.Start();
        using var http = new HttpClient { BaseAddress = studio.Address };
        using var answer = await http.GetAsync("");
        Assert.Equal(HttpStatusCode.OK, answer.StatusCode);
        var policy = Assert.Single(answer.Headers.GetValues("Content-Security-Policy"));
        Assert.Contains("default-src 'none'", policy, StringComparison.Ordinal);
        Assert.DoesNotContain("unsafe", policy, StringComparison.Ordinal);
        Assert.DoesNotContain("<script>", await answer.Content.ReadAsStringAsync(), StringComparison.Ordinal);
        // The interface's description is a page too; it makes styles, and runs no script that is inline.
        using var reference = await http.GetAsync("api.html");
        Assert.Equal(HttpStatusCode.OK, reference.StatusCode);
        policy = Assert.Single(reference.Headers.GetValues("Content-Security-Policy"));
        Assert.Contains("script-src 'self';", policy, StringComparison.Ordinal);
        using var script = await http.GetAsync("scalar/scalar.js");
        Assert.Equal("text/javascript", script.Content.Headers.ContentType!.MediaType);
        Assert.Equal("nosniff", Assert.Single(answer.Headers.GetValues("X-Content-Type-Options")));
        using var again = new HttpRequestMessage(HttpMethod.Get, "");
        again.Headers.IfNoneMatch.Add(answer.Headers.ETag!);
        using var unchanged = await http.SendAsync(again);
        Assert.Equal(HttpStatusCode.NotModified, unchanged.StatusCode);
    }

    private static async Task<HttpStatusCode> Status(TestStudio studio, ApiRoute route, string? key) =>
        (await studio.Send(route.Method, route.With("x"), Body(route), key)).Status;

    private static string? Body(ApiRoute route) => route.TakesBody ? "{}" : null;
}
