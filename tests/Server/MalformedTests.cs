using System.Net.WebSockets;
using System.Text;
using StreamDiff.Client;

namespace StreamDiff.Server.Tests;

/// <summary>What looks at the whole process has it to itself: its memory, and its meters, which go by name.</summary>
[CollectionDefinition(Name, DisableParallelization = true)]
public sealed class Alone
{
    public const string Name = "alone";
}

/// <summary>Nonsense from outside costs an answer, never the studio.</summary>
[Collection(Alone.Name)]
public sealed class MalformedTests
{
    private static readonly string[] Valid =
    [
        """{"name":"one","input":"test:testsrc2?size=64x64&rate=8&duration=1","model":"passthrough","size":"64x64","fps":8}""",
        """{"prompt":"a mosaic","blend":4,"noiseScale":0.3,"steps":2,"seed":5,"sinks":2,"sinkThreshold":0.1,"paused":true}""",
        """{"name":"p","settings":{"prompt":"x"},"thumbnail":"data:image/png;base64,AAAA"}""",
        """{"url":"http://127.0.0.1:1/","events":["session.ended"],"secret":"0123456789abcdef"}""",
        """{"container":"mkv"}""", """{"key":"sdk_0"}""", """{"session":"one","input":"test:scene","steps":2}""",
    ];

    private static readonly string[] Pieces =
    [
        "{", "}", "[", "]", "\"", ",", ":", "null", "true", "1e999", "-", "\\u0000", "\\ud800", "\u00e9", "\0", "\n", "9223372036854775808",
        "\"name\":", "\"input\":{}", "[[[[[[[[[[[[[[[[[[[[", "\"a\":\"a\",\"a\":\"a\"", "/*", "NaN", "\u202e", "../../etc/passwd",
    ];

    [Fact]
    public Task Requests_InHundreds_AreAnsweredOrHungUpOn() => Run(400, connectionsAtOnce: 8);

    [Fact]
    [Trait("Category", "Slow")]
    public Task Requests_TenThousand_AreAnsweredOrHungUpOn() => Run(10_000, connectionsAtOnce: 32);

    [Fact]
    [Trait("Category", "Slow")]
    public async Task Clients_TwoHundredAtOnce_AreAllServed()
    {
        await using var studio = await TestStudio.Start();
        await studio.Client.StartSession(TestStudio.Passthrough("one"));
        await TestStudio.Until(async () => (await studio.Client.GetSession("one")).Status is { FramesOut: > 0 });
        await Task.WhenAll(Enumerable.Range(0, 200).Select(async i =>
        {
            using var client = new StudioClient(studio.Address);
            await using var listener = new Listener(client);
            for (var round = 0; round < 5; round++)
            {
                Assert.Equal("one", (await client.GetSession("one")).Name);
                Assert.NotEmpty(await client.GetSnapshot("one"));
                await client.PutPreset(new Preset { Name = $"preset {i}", Settings = new() });
            }
            await listener.Next("session.firstFrame", "one");
        }));
        Assert.Equal(200, (await studio.Client.GetPresets()).Count(p => !p.BuiltIn));
        Assert.Equal(SessionState.Running, (await studio.Client.GetSession("one")).State);
    }

    private static async Task Run(int count, int connectionsAtOnce)
    {
        await using var studio = await TestStudio.Start();
        await using var listener = new Listener(studio.Client);
        await studio.Client.StartSession(TestStudio.Passthrough("steady"));
        await listener.Next("session.firstFrame", "steady");
        var routes = await ApiRoute.Read(studio.Address);
        await Some(studio, routes, count / 4, connectionsAtOnce, seed: 1);
        var before = Settled();
        var faults = await Some(studio, routes, count, connectionsAtOnce, seed: 2);
        Assert.True(faults.Count == 0, string.Join("\n\n", faults.Take(5)));
        // What stays is bounded: a few kilobytes for each request would be megabytes here.
        var grown = Settled() - before;
        Assert.True(grown < 4_000_000 + 400L * count, $"{grown} bytes more after {count} requests");
        Assert.Equal(SessionState.Running, (await studio.Client.GetSession("steady")).State);
        Assert.Equal(["steady"], studio.Server.Sessions.Select(s => s.Name).Where(n => n != "one"));
    }

    private static async Task<List<string>> Some(
        TestStudio studio, IReadOnlyList<ApiRoute> routes, int count, int connectionsAtOnce, int seed)
    {
        var faults = new List<string>();
        await Parallel.ForAsync(0, count, new ParallelOptions { MaxDegreeOfParallelism = connectionsAtOnce }, async (i, _) =>
        {
            var random = new Random((seed * 1_000_000) + i);
            if (i % 20 == 19)
            {
                await Chatter(studio.Address, random);
                return;
            }
            var request = Request(studio.Address, routes, random);
            var (status, answer) = await RawRequest.Send(studio.Address, request, hangsUp: true);
            // 503: a session that has no room; 505: a byte of the version was flipped.
            if (status >= 500 && status is not (503 or 505))
                lock (faults)
                {
                    var said = answer[(answer.IndexOf("\r\n\r\n", StringComparison.Ordinal) + 4)..];
                    faults.Add($"{said} <= {Encoding.Latin1.GetString(request)}");
                }
        });
        return faults;
    }

    private static byte[] Request(Uri studio, IReadOnlyList<ApiRoute> routes, Random random)
    {
        var route = routes[random.Next(routes.Count)];
        // The one session that is to go on is not stopped by chance.
        var name = random.Next(3) switch { 0 => "one", 1 => "x", _ => Uri.EscapeDataString(Mutated("name", random)) };
        var body = Mutated(Valid[random.Next(Valid.Length)], random);
        var length = random.Next(8) switch
        {
            0 => "-1",
            1 => "99999999999999999999",
            2 => (Encoding.UTF8.GetByteCount(body) + 5).ToString(System.Globalization.CultureInfo.InvariantCulture),
            _ => Encoding.UTF8.GetByteCount(body).ToString(System.Globalization.CultureInfo.InvariantCulture),
        };
        var head = $"{route.Method} {route.With(name)}?format={random.Next()}&wait=maybe HTTP/1.1\r\nHost: {studio.Authority}\r\n"
            + $"Content-Type: application/json\r\nIf-Match: \"{random.Next(3)}\"\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n";
        var bytes = Encoding.UTF8.GetBytes(head + body);
        // Some are broken as HTTP, too.
        if (random.Next(3) == 0)
            for (var flips = random.Next(1, 6); flips > 0; flips--)
                bytes[random.Next(bytes.Length)] = (byte)random.Next(256);
        return random.Next(10) == 0 ? bytes[..random.Next(bytes.Length)] : bytes;
    }

    private static string Mutated(string text, Random random)
    {
        for (var changes = random.Next(1, 5); changes > 0; changes--)
        {
            var at = random.Next(text.Length + 1);
            text = random.Next(3) switch
            {
                0 => text[..at] + Pieces[random.Next(Pieces.Length)] + text[at..],
                1 => text[..at],
                _ => text[..at] + text[Math.Min(text.Length, at + random.Next(1, 6))..],
            };
        }
        return text;
    }

    // A listener that talks, and does not stop.
    private static async Task Chatter(Uri studio, Random random)
    {
        using var socket = new ClientWebSocket();
        using var patience = new CancellationTokenSource(TestStudio.Patience);
        try
        {
            await socket.ConnectAsync(new UriBuilder(studio) { Scheme = "ws", Path = "/api/v1/events" }.Uri, patience.Token);
            for (var messages = random.Next(1, 20); messages > 0; messages--)
            {
                var junk = new byte[random.Next(1, 8192)];
                random.NextBytes(junk);
                await socket.SendAsync(junk, WebSocketMessageType.Binary, random.Next(2) == 0, patience.Token);
            }
        }
        catch (WebSocketException)
        {
            // Sent away, as it should be.
        }
        // It leaves without a word.
        socket.Abort();
    }

    private static long Settled()
    {
        for (var i = 0; i < 3; i++)
        {
            GC.Collect();
            GC.WaitForPendingFinalizers();
        }
        return GC.GetTotalMemory(forceFullCollection: true);
    }
}
