using System.Collections.Concurrent;
using System.Net;
using System.Net.Http.Headers;
using System.Text;
using StreamDiff.Cli.Serve;
using StreamDiff.Client;
using StreamDiff.Models.Loras;
using StreamDiff.Pipeline.Plan;
using StreamDiff.Pipeline.Runs;
using StreamDiff.Server.Events;
using StreamDiff.Server.Hosting;
using StreamDiff.Server.Security;
using StreamDiff.Server.Sessions;
using StreamDiff.Server.Storage;
using StreamDiff.Transport.Media;

namespace StreamDiff.Server.Tests;

/// <summary>A studio on a free port of this machine, with a folder of its own.</summary>
internal sealed class TestStudio : IAsyncDisposable
{
    /// <summary>A source without an end.</summary>
    public const string Source = "test:testsrc2?size=64x64&rate=8&duration=0";

    private readonly SessionServer _server;
    private readonly StudioServer _studio;
    private readonly SessionRestarts _restarts;
    private readonly List<IDisposable> _clients = [];

    private TestStudio(
        string folder, SessionServer server, StudioServer studio, StudioSessions sessions, SessionRestarts restarts,
        ConcurrentQueue<string> said)
    {
        (Folder, _server, _studio, Sessions, _restarts, Said) = (folder, server, studio, sessions, restarts, said);
        Client = As(null);
    }

    /// <summary>More than anything takes on a busy machine.</summary>
    public static TimeSpan Patience { get; } = TimeSpan.FromMinutes(2);

    public string Folder { get; }

    public StudioSessions Sessions { get; }

    public SessionServer Server => _server;

    public Uri Address => _studio.Address;

    /// <summary>Somebody without a key.</summary>
    public StudioClient Client { get; }

    /// <summary>What the program said of its own faults.</summary>
    public ConcurrentQueue<string> Said { get; }

    /// <summary>Begins one.</summary>
    /// <param name="model">passthrough or tiny.</param>
    /// <param name="change">What is not as usual.</param>
    /// <param name="loras">LoRAs of the model, whose strengths can change.</param>
    public static async Task<TestStudio> Start(
        string model = ComputeOptions.Passthrough, Func<StudioSettings, StudioSettings>? change = null,
        params LoraChoice[] loras)
    {
        var folder = Directory.CreateTempSubdirectory("streamdiff-studio-").FullName;
        var settings = new StudioSettings
        {
            Address = new IPEndPoint(IPAddress.Loopback, 0),
            Folder = folder,
            // Tests ask more often than anybody else.
            Limits = new StudioLimits { RequestsPerSecond = 100_000, Burst = 100_000, LoginsPerMinute = 1000 },
            WebhookDelay = TimeSpan.FromMilliseconds(20),
        };
        var isPassthrough = model == ComputeOptions.Passthrough;
        var options = new RestyleOptions
        {
            Compute = new()
            {
                Model = model,
                Device = DeviceName.Find("cpu")!,
                Type = ComputeType.Float32,
                Threads = 1,
                Loras = [.. loras],
                LoraLive = loras.Length > 0,
            },
            Frame = new() { Size = (64, 64), Rate = new Rational(8, 1) },
            Sampling = new() { Steps = 1 },
            Live = new() { Deadline = isPassthrough ? null : TimeSpan.FromMinutes(1) },
        };
        var events = new EventFeed(TimeProvider.System);
        settings = change?.Invoke(settings) ?? settings;
        var sessions = new StudioSessions(options, [], events, new StudioFolder(settings.Folder), TimeProvider.System);
        var said = new ConcurrentQueue<string>();
        var studio = await StudioServer.StartAsync(settings, sessions, said.Enqueue);
        var restarts = new SessionRestarts(new ServeText());
        var server = new SessionServer(options, new HostOptions { Refuses = false }, news =>
        {
            restarts.Tell(news);
            events.Tell(news);
        });
        restarts.Attach(server);
        sessions.Begin(server, restarts);
        return new TestStudio(folder, server, studio, sessions, restarts, said);
    }

    /// <summary>One that asks for keys.</summary>
    public static Task<TestStudio> StartLocked(string model = ComputeOptions.Passthrough) =>
        Start(model, settings => settings with { RequiresKey = true });

    public string Key(string name, Role role, params string[] sessions) =>
        new KeyFile(Folder).Add(name, role, sessions.Length == 0 ? null : sessions);

    /// <summary>Somebody with a key.</summary>
    public StudioClient As(string? key)
    {
        var client = new StudioClient(Address, key);
        _clients.Add(client);
        return client;
    }

    /// <summary>Sends a request as it is.</summary>
    public async Task<(HttpStatusCode Status, string Body)> Send(
        string method, string path, string? body = null, string? key = null, string contentType = "application/json",
        params (string Name, string Value)[] headers)
    {
        using var handler = new SocketsHttpHandler { AllowAutoRedirect = false, UseCookies = false };
        using var http = new HttpClient(handler) { Timeout = Patience };
        using var request = new HttpRequestMessage(new HttpMethod(method), new Uri(Address, path));
        if (body is not null)
        {
            request.Content = new ByteArrayContent(Encoding.UTF8.GetBytes(body));
            request.Content.Headers.ContentType = MediaTypeHeaderValue.Parse(contentType);
        }
        if (key is not null)
            request.Headers.Authorization = new AuthenticationHeaderValue("Bearer", key);
        foreach (var (name, value) in headers)
            request.Headers.TryAddWithoutValidation(name, value);
        using var answer = await http.SendAsync(request, HttpCompletionOption.ResponseHeadersRead);
        // Events have no end.
        return answer.Content.Headers.ContentType?.MediaType == "text/event-stream"
            ? (answer.StatusCode, "")
            : (answer.StatusCode, await answer.Content.ReadAsStringAsync());
    }

    /// <summary>A session without a model.</summary>
    public static NewSession Passthrough(string name) =>
        new() { Name = name, Input = Source, Model = ComputeOptions.Passthrough, Size = "64x64", Fps = "8" };

    /// <summary>True for a file that nobody but its owner may read or change.</summary>
    public static bool IsPrivate(string file) =>
        !OperatingSystem.IsWindows() && File.GetUnixFileMode(file) == (UnixFileMode.UserRead | UnixFileMode.UserWrite);

    public static async Task Until(Func<Task<bool>> condition)
    {
        for (var left = 12_000; !await condition(); left--)
        {
            Assert.True(left > 0, "it did not happen within two minutes");
            await Task.Delay(10);
        }
    }

    public async ValueTask DisposeAsync()
    {
        await Task.Run(_server.Dispose);
        _restarts.Dispose();
        await _studio.DisposeAsync();
        foreach (var client in _clients)
            client.Dispose();
        Directory.Delete(Folder, recursive: true);
    }
}
