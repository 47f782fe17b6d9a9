using System.Net.WebSockets;
using System.Text;
using StreamDiff.Client;
using StreamDiff.Testing;

namespace StreamDiff.Browser.Tests;

/// <summary>What peers may send to the WebSockets that browsers use: anything.</summary>
public sealed class SocketTests(PageTests.PassThrough studio) : IClassFixture<PageTests.PassThrough>
{
    private const string Hello = """{"type":"publish","client":"c","codec":"vp8","width":160,"height":96}""";
    private static readonly byte[] Key = [1, .. new byte[15], 1, 2, 3, 4];

    public static TheoryData<string, bool, string> Nonsense() => new()
    {
        { "publish", true, "" },
        { "publish", true, "not JSON" },
        { "publish", true, "[]" },
        { "publish", true, "null" },
        { "publish", true, """{"type":"key"}""" },
        { "publish", true, """{"type":"publish"}""" },
        { "publish", true, """{"type":"publish","client":"c","codec":"vp8","width":"wide","height":96}""" },
        { "publish", true, """{"type":"publish","client":"c","codec":"vp8","width":-5,"height":2147483647}""" },
        { "publish", true, """{"type":"publish","client":"c","codec":"mjpeg","width":160,"height":96}""" },
        { "publish", true, """{"type":"publish","client":"","codec":"vp8","width":160,"height":96}""" },
        { "publish", true, """{"type":"publish","client":"c","codec":"avc1.42E01F","width":160,"height":96}""" },
        { "publish", true, """{"type":"publish","client":"c","codec":"vp8","width":160,"height":96,"description":"%%%"}""" },
        { "publish", true, Hello.Replace("}", ""","sound":{"codec":"mp3","sampleRate":1,"channels":9}}""", StringComparison.Ordinal) },
        { "publish", true, new string('[', 5000) },
        { "publish", false, "binary before the hello" },
        { "view", true, "not JSON" },
        { "view", true, """{"type":"publish"}""" },
        { "view", true, new string('x', 2000) },
        { "view", false, "binary" },
    };

    [Theory]
    [MemberData(nameof(Nonsense))]
    public async Task Nonsense_EndsItsOwnConnectionOnly(string path, bool isText, string message)
    {
        using var client = new StudioClient(await studio.Address);
        const string Name = "nonsense";
        await client.StartSession(new NewSession { Name = Name, Input = "browser", Size = "160x96", Fps = "10" });
        using (var socket = await Connect(Name, path))
        {
            var type = isText ? WebSocketMessageType.Text : WebSocketMessageType.Binary;
            await socket.SendAsync(Encoding.UTF8.GetBytes(message), type, true, default);
            await Drain(socket);
        }

        Assert.Equal(SessionState.Running, (await client.GetSession(Name)).State);
    }

    [Fact]
    public async Task Packets_OfNonsense_AreRefusedOrLeftOut_AndTheSameBrowserMayComeAgain()
    {
        using var client = new StudioClient(await studio.Address);
        const string Name = "packets";
        await client.StartSession(new NewSession { Name = Name, Input = "browser", Size = "160x96", Fps = "10" });
        byte[] late = [1, .. new byte[7], .. Enumerable.Repeat((byte)0xff, 8), 1];
        byte[][] wrong = [[], [7], new byte[16], [9, .. new byte[20]], [1, 1, .. new byte[30]], late];
        foreach (var packet in wrong)
        {
            using var socket = await Publish(Name);
            await socket.SendAsync(packet, WebSocketMessageType.Binary, true, default);
            Assert.Contains("error", await Drain(socket), StringComparison.Ordinal);
        }

        // What is a packet and no frame is the decoder's to find out.
        using (var socket = await Publish(Name))
            for (var i = 0; i < 20; i++)
                await socket.SendAsync(Key, WebSocketMessageType.Binary, true, default);
        Assert.Equal(SessionState.Running, (await client.GetSession(Name)).State);
        await client.StopSession(Name);
    }

    [Fact]
    public async Task Publisher_BesideAnother_IsRefused_AndASessionThatIsNotThereIsNotFound()
    {
        using var client = new StudioClient(await studio.Address);
        const string Name = "one";
        await client.StartSession(new NewSession { Name = Name, Input = "browser", Size = "160x96", Fps = "10" });
        using var first = await Publish(Name);
        using var other = await Connect(Name, "publish");
        var hello = Encoding.UTF8.GetBytes(Hello.Replace("\"c\"", "\"d\"", StringComparison.Ordinal));
        await other.SendAsync(hello, WebSocketMessageType.Text, true, default);
        Assert.Contains("Another browser", await Drain(other), StringComparison.Ordinal);
        Assert.Equal(WebSocketState.Open, first.State);
        await Assert.ThrowsAsync<WebSocketException>(() => Connect("nobody", "view"));
        await client.StopSession(Name);
        Assert.DoesNotContain("error", await Drain(first), StringComparison.Ordinal);
    }

    [Fact]
    [Trait("Category", "Slow")]
    public async Task TenThousandMessagesOfNonsense_LeaveNothingBehind()
    {
        using var client = new StudioClient(await studio.Address);
        const string Name = "flood";
        await client.StartSession(new NewSession { Name = Name, Input = "browser", Size = "160x96", Fps = "10" });
        var random = new Random(1);
        long before = 0;
        for (var i = 0; i < 10_000; i++)
        {
            if (i == 2000)
                before = await Resident(client);
            using var socket = await Patiently(Name, i % 2 == 0 ? "publish" : "view");
            var bytes = new byte[random.Next(1, 3000)];
            random.NextBytes(bytes);
            if (i % 4 == 0)
                await socket.SendAsync(Encoding.UTF8.GetBytes(Hello), WebSocketMessageType.Text, true, default);
            await socket.SendAsync(bytes, WebSocketMessageType.Binary, true, default);
            await Drain(socket);
        }

        // What a busy machine has not let go of yet goes by and by.
        var after = await Resident(client);
        for (var looks = 0; looks < 30 && after - before >= 50 << 20; looks++)
        {
            await Task.Delay(1000);
            after = Math.Min(after, await Resident(client));
        }
        Assert.True(after - before < 50 << 20, $"grew from {before} to {after} bytes");
        Assert.Equal(SessionState.Running, (await client.GetSession(Name)).State);
        await client.StopSession(Name);
    }

    private static async Task<long> Resident(StudioClient client)
    {
        while (true)
        {
            try
            {
                return (await client.GetStatus()).ResidentBytes;
            }
            catch (StudioException e) when (e.Status == System.Net.HttpStatusCode.TooManyRequests)
            {
                await Task.Delay(1000);
            }
        }
    }

    // The studio takes so many requests a second and no more.
    private async Task<ClientWebSocket> Patiently(string name, string path)
    {
        while (true)
        {
            try
            {
                return await Connect(name, path);
            }
            catch (WebSocketException e) when (e.Message.Contains("429", StringComparison.Ordinal))
            {
                await Task.Delay(100);
            }
        }
    }

    private async Task<ClientWebSocket> Publish(string name)
    {
        var socket = await Connect(name, "publish");
        await socket.SendAsync(Encoding.UTF8.GetBytes(Hello), WebSocketMessageType.Text, true, default);
        var answer = new byte[1000];
        var result = await socket.ReceiveAsync(answer, default);
        Assert.Contains("publishing", Encoding.UTF8.GetString(answer, 0, result.Count), StringComparison.Ordinal);
        return socket;
    }

    private async Task<ClientWebSocket> Connect(string name, string path)
    {
        var socket = new ClientWebSocket();
        var address = await studio.Address;
        await socket.ConnectAsync(new Uri($"ws://{address.Authority}/api/v1/sessions/{name}/{path}"), default);
        return socket;
    }

    // All texts until the studio ends the connection.
    private static async Task<string> Drain(ClientWebSocket socket)
    {
        var all = new StringBuilder();
        var buffer = new byte[1 << 16];
        try
        {
            while (await socket.ReceiveAsync(buffer, default) is { MessageType: not WebSocketMessageType.Close } result)
                if (result.MessageType == WebSocketMessageType.Text)
                    all.Append(Encoding.UTF8.GetString(buffer, 0, result.Count));
        }
        catch (WebSocketException)
        {
            // It was ended without goodbye.
        }

        return all.ToString();
    }
}
