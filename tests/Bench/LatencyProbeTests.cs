using System.Collections.Concurrent;
using System.Net;
using System.Net.Sockets;
using System.Text.Json;
using StreamDiff.Bench.Probe;
using StreamDiff.Cli.Tests;
using StreamDiff.Pipeline.Live;
using StreamDiff.Pipeline.Plan;
using StreamDiff.Pipeline.Runs;
using StreamDiff.Pipeline.Telemetry;

namespace StreamDiff.Bench.Tests;

public sealed class LatencyProbeTests : IDisposable
{
    private readonly CancellationTokenSource _stop = new(TimeSpan.FromSeconds(60));

    public void Dispose() => _stop.Dispose();

    [Fact]
    public void ProbeLatency_ItsOwnListener_FindsAFewMilliseconds()
    {
        using var bench = new Streamdiff("streamdiff-bench");
        var port = FreePort();
        var outcome = bench.Run("probe-latency", "-o", $"rtmp://127.0.0.1:{port}/live/k", "-i", $"rtmp://127.0.0.1:{port}/live/k?listen=1",
            "--size", "320x192", "--duration", "3", "--json");
        Assert.Equal(0, outcome.ExitCode);
        var report = JsonDocument.Parse(outcome.Output).RootElement;
        Assert.InRange(report.GetProperty("p50").GetDouble(), 0.1, 10_000);
        Assert.InRange(report.GetProperty("soundOffset").GetDouble(), -40, 40);
    }

    [Fact]
    [Trait("Category", "Slow")]
    public async Task Run_RtmpThrough_SoundAndPictureStayTogether()
    {
        var (first, second) = (FreePort(), FreePort());
        var news = new ConcurrentQueue<LiveEvent>();
        var plain = RestyleOptions.Of($"rtmp://127.0.0.1:{first}/live/k?listen=1", $"rtmp://127.0.0.1:{second}/live/k");
        var options = plain with
        {
            Output = plain.Output with { Preset = "ultrafast" },
            Frame = new() { Size = (320, 192) },
            Compute = new() { Model = ComputeOptions.Passthrough },
        };
        var run = Task.Run(() => LiveRestyle.Run(options, news.Enqueue, new Progress<LiveStatus>(), _stop.Token));
        while (news.All(n => n.State != "waiting"))
            Assert.False(_stop.Token.WaitHandle.WaitOne(20), "'waiting' never came");
        var probe = new LatencyProbeOptions($"rtmp://127.0.0.1:{first}/live/k", $"rtmp://127.0.0.1:{second}/live/k?listen=1")
        {
            Size = (320, 192),
            Duration = TimeSpan.FromSeconds(8),
        };
        var report = LatencyProbe.Run(probe, _stop.Token);
        await _stop.CancelAsync();
        await run;
        Assert.InRange(report.Beeps, 1, 10);
        Assert.InRange(report.SoundOffset!.Value, -80, 80);
    }

    private static int FreePort()
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        return ((IPEndPoint)listener.LocalEndpoint).Port;
    }
}
