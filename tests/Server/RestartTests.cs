using System.Collections.Concurrent;
using System.Net;
using System.Net.Sockets;
using StreamDiff.Cli.Serve;
using StreamDiff.Pipeline.Plan;
using StreamDiff.Pipeline.Runs;
using StreamDiff.Pipeline.Telemetry;
using StreamDiff.Scheduling.Slo;
using StreamDiff.Transport.Media;

namespace StreamDiff.Server.Tests;

/// <summary>Sessions of a server that begin again when they have failed.</summary>
[Trait("Category", "Slow")]
public sealed class RestartTests : IServeLog, IDisposable
{
    private static readonly TimeSpan Patience = TimeSpan.FromMinutes(2);

    private readonly ConcurrentQueue<string> _said = new();
    private readonly SessionRestarts _restarts;
    private readonly SessionServer _server;
    private readonly string _folder = Directory.CreateTempSubdirectory("streamdiff-restart-").FullName;

    public RestartTests()
    {
        _restarts = new SessionRestarts(this);
        _server = new SessionServer(Options("test:testsrc2", "null:"), new HostOptions(), _restarts.Tell);
        _restarts.Attach(_server);
    }

    public void Dispose()
    {
        _restarts.Dispose();
        _server.Dispose();
        Directory.Delete(_folder, recursive: true);
    }

    [Fact]
    public void Session_WhosePlaceIsTakenMeanwhile_IsTriedUntilItIsFree()
    {
        var file = Path.Combine(_folder, "a.mkv");
        var plan = new SessionPlan("again", Options("v4l2:/dev/video-none", file), new SessionSlo(), Restarts: true);
        _restarts.Know(plan);
        _server.Start(plan.Name, plan.Options, plan.Slo);
        Until(() => _server.Sessions.Count == 0 && Says("session again begins again in 1 s"));
        // It writes there now.
        _server.Start("other", Options("test:testsrc2?duration=0", file), new SessionSlo());
        Until(() => Says("session again is tried again in 4 s"));
        Assert.True(_server.Stop("other"));
        Until(() => Says("session again begins again in ", since: "session again is tried again in 4 s"));
    }

    [Fact]
    public void Start_OfANameThatIsThere_ChangesNothingOfIt()
    {
        var desk = new ServeDesk(_server, Options("test:testsrc2", "null:"), null, this, () => { }, _restarts);
        int port;
        using (var free = new UdpClient(new IPEndPoint(IPAddress.Loopback, 0)))
            port = ((IPEndPoint)free.Client.LocalEndPoint!).Port;
        desk.Read(new StringReader($"""
            start lobby --input udp://127.0.0.1:{port} --output null: --source-gone 2 --restart true
            """));
        Until(() => _server.Sessions.Count == 1);
        desk.Read(new StringReader("""
            start lobby --input test:testsrc2 --output null:
            """));
        Assert.Contains("there is a session named lobby already", _said);
        Until(() => Says("session lobby begins again in 1 s"));
    }

    void IServeLog.Tell(LiveEvent news) => _said.Enqueue($"{news.Part} {news.State} {news.Text}");

    void IServeLog.Say(string text, bool isError) => _said.Enqueue(text);

    void IServeLog.Status(SessionServer server, bool isLast)
    {
    }

    private bool Says(string text, string? since = null) =>
        (since is null ? _said : _said.SkipWhile(s => !s.Contains(since, StringComparison.Ordinal)))
            .Any(s => s.Contains(text, StringComparison.Ordinal));

    private void Until(Func<bool> isSo) => Assert.True(SpinWait.SpinUntil(isSo, Patience), string.Join('\n', _said));

    private static RestyleOptions Options(string input, string output) => RestyleOptions.Of(input, output) with
    {
        Compute = new() { Model = ComputeOptions.Passthrough },
        Frame = new() { Size = (64, 64), Rate = new Rational(8, 1) },
        Live = new() { IsAsked = true },
    };
}
