using System.Collections.Concurrent;
using System.Net;
using System.Text.Json;
using StreamDiff.Client;

namespace StreamDiff.Server.Tests;

/// <summary>Webhooks are told what happens, signed, and again where nobody was there.</summary>
public sealed class WebhookTests
{
    [Fact]
    public async Task Webhook_WhoseReceiverFailsAtFirst_IsToldInOrderAndSigned()
    {
        await using var receiver = new Receiver(failures: 2);
        await using var studio = await TestStudio.Start();
        var hook = await studio.Client.PutWebhook("mine", new NewWebhook { Url = receiver.Address + "?token=precious" });
        Assert.NotNull(hook.Secret);
        Assert.DoesNotContain("precious", hook.Url, StringComparison.Ordinal);

        await studio.Client.StartSession(TestStudio.Passthrough("one") with { Input = "test:testsrc2?size=64x64&rate=8&duration=1" });
        await TestStudio.Until(() => Task.FromResult(receiver.Taken.Count == 3));
        Assert.Equal(["session.started", "session.firstFrame", "session.ended"], receiver.Taken.Select(t => Read(t.Body).Kind));
        Assert.All(receiver.Taken, t =>
        {
            Assert.True(WebhookSignature.IsValid(hook.Secret!, t.Body, t.Signature, TimeProvider.System.GetUtcNow()));
            Assert.False(WebhookSignature.IsValid("another secret", t.Body, t.Signature, TimeProvider.System.GetUtcNow()));
            Assert.False(WebhookSignature.IsValid(hook.Secret!, t.Body + " ", t.Signature, TimeProvider.System.GetUtcNow()));
            Assert.False(WebhookSignature.IsValid(hook.Secret!, t.Body, t.Signature, TimeProvider.System.GetUtcNow().AddHours(1)));
            Assert.Equal(Read(t.Body).Kind, t.Kind);
        });
        await TestStudio.Until(async () => Assert.Single(await studio.Client.GetWebhooks())
            is { Delivered: 3, Failed: 0, LastProblem: null });
        // Told once only, and kept for who signs.
        Assert.Null(Assert.Single(await studio.Client.GetWebhooks()).Secret);
        Assert.True(TestStudio.IsPrivate(Path.Combine(studio.Folder, "webhooks.json")));
        await studio.Client.DeleteWebhook("mine");
        Assert.Empty(await studio.Client.GetWebhooks());
    }

    [Fact]
    public async Task Webhook_ThatIsRefused_IsNotTriedAgainAndSaysWhy()
    {
        await using var receiver = new Receiver(failures: int.MaxValue, HttpStatusCode.Gone);
        await using var studio = await TestStudio.Start();
        await studio.Client.PutWebhook("mine", new NewWebhook { Url = receiver.Address, Events = ["session.started"], Sessions = ["one"] });
        await studio.Client.StartSession(TestStudio.Passthrough("other"));
        await studio.Client.StartSession(TestStudio.Passthrough("one"));
        await TestStudio.Until(async () => (await studio.Client.GetWebhooks())[0] is { Failed: 1, LastProblem: "answered 410" });
        Assert.Equal(1, receiver.Attempts);
        var wrong = await Assert.ThrowsAsync<StudioException>(
            () => studio.Client.PutWebhook("mine", new NewWebhook { Url = "ftp://x", Events = ["session.stated"], Secret = "short" }));
        Assert.Equal(["url", "events", "secret"], wrong.Problem!.Problems!.Select(p => p.Field));
    }

    private static StudioEvent Read(string body) => JsonSerializer.Deserialize<StudioEvent>(body, StudioJson.Strict)!;

    private sealed class Receiver : IAsyncDisposable
    {
        private readonly HttpListener _listener = new();
        private readonly Task _work;
        private int _failures;

        public Receiver(int failures, HttpStatusCode failure = HttpStatusCode.ServiceUnavailable)
        {
            _failures = failures;
            Address = Listen();
            _work = Task.Run(() => Work(failure));
        }

        public string Address { get; }

        public ConcurrentQueue<(string Body, string? Signature, string? Kind)> Taken { get; } = new();

        public int Attempts { get; private set; }

        public async ValueTask DisposeAsync()
        {
            _listener.Close();
            await _work;
        }

        // HttpListener takes no port 0.
        private string Listen()
        {
            while (true)
            {
                var address = $"http://127.0.0.1:{20_000 + Random.Shared.Next(20_000)}/hook/";
                _listener.Prefixes.Clear();
                _listener.Prefixes.Add(address);
                try
                {
                    _listener.Start();
                    return address;
                }
                catch (HttpListenerException)
                {
                    // The port is somebody else's.
                }
            }
        }

        private async Task Work(HttpStatusCode failure)
        {
            while (true)
            {
                HttpListenerContext context;
                try
                {
                    context = await _listener.GetContextAsync();
                }
                catch (Exception e) when (e is HttpListenerException or ObjectDisposedException)
                {
                    return;
                }
                Attempts++;
                using var reader = new StreamReader(context.Request.InputStream);
                var body = await reader.ReadToEndAsync();
                var fails = _failures > 0;
                if (fails)
                    _failures--;
                else
                    Taken.Enqueue((body, context.Request.Headers[WebhookSignature.Header], context.Request.Headers["StreamDiff-Event"]));
                context.Response.StatusCode = (int)(fails ? failure : HttpStatusCode.OK);
                context.Response.Close();
            }
        }
    }
}
