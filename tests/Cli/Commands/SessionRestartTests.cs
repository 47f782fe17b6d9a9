using System.Collections.Concurrent;
using StreamDiff.Cli.Serve;
using StreamDiff.Pipeline.Host;
using StreamDiff.Pipeline.Plan;
using StreamDiff.Pipeline.Runs;
using StreamDiff.Pipeline.Telemetry;
using StreamDiff.Scheduling.Slo;

namespace StreamDiff.Cli.Tests.Commands;

/// <summary>Sessions that have failed and begin again.</summary>
public sealed class SessionRestartTests
{
    [Fact]
    [Trait("Category", "Slow")]
    public void Restart_SessionWithALog_KeepsThatOfWhatFailed()
    {
        var folder = Directory.CreateTempSubdirectory("streamdiff-test-").FullName;
        using var patience = new CancellationTokenSource(TimeSpan.FromMinutes(5));
        var path = Path.Combine(folder, "take.log");
        File.WriteAllText(path, "what failed");
        var options = RestyleOptions.Of("test:testsrc2?size=64x64&rate=8", "null:") with
        {
            Compute = new() { Threads = 1 },
            Sampling = new() { Steps = 1 },
            Frame = new() { Size = (64, 64) },
            Live = new() { IsAsked = true },
            Control = new() { Log = path },
        };
        var log = new ServeNotes();
        using (var server = new SessionServer(options, new HostOptions(), log.Tell))
        using (var restarts = new SessionRestarts(log))
        {
            restarts.Attach(server);
            restarts.Know(new SessionPlan("show", options, new SessionSlo(), Restarts: true));
            restarts.Tell(new LiveEvent(TimeSpan.Zero, true, "run", "failed", "a fault") { Session = "show" });
            while (server.Sessions.Count == 0)
                Assert.False(patience.Token.WaitHandle.WaitOne(20), string.Join(" / ", log.Said));
        }

        var kept = Path.Combine(folder, "take-0001.log");
        Assert.Equal("what failed", File.ReadAllText(kept));
        Assert.Contains($"the log of an earlier run is kept as {kept}", log.Said);
        Directory.Delete(folder, recursive: true);
    }

    private sealed class ServeNotes : IServeLog
    {
        public ConcurrentQueue<string> Said { get; } = new();

        public void Tell(LiveEvent news) => Said.Enqueue(news.Text);

        public void Say(string text, bool isError = false) => Said.Enqueue(text);

        public void Status(SessionServer server, bool isLast = false)
        {
        }
    }
}
