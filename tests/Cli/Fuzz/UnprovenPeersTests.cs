using System.Collections.Concurrent;
using System.Diagnostics;
using System.Globalization;
using System.Net;
using System.Net.Sockets;
using System.Runtime.InteropServices;
using StreamDiff.CommandLine;
using Xunit.Abstractions;

namespace StreamDiff.Cli.Tests.Fuzz;

/// <summary>Peers of a run that never show a key: what they cost it, seen from outside, and that they keep nobody out.</summary>
// Its own connections are not what a storm beside it counts.
[Collection(nameof(Storm))]
public sealed class UnprovenPeersTests(ITestOutputHelper output) : IDisposable
{
    private const int Peers = 6;
    private const long MostBytes = 64 << 20;
    private static readonly TimeSpan Shouting = TimeSpan.FromSeconds(3);
    private static readonly TimeSpan Patience = TimeSpan.FromMinutes(3);

    private readonly Streamdiff _streamdiff = new();
    private readonly ConcurrentQueue<string> _said = new();

    public void Dispose() => _streamdiff.Dispose();

    [Fact]
    [Trait("Category", "Slow")]
    public async Task PeersWithoutAKey_CostLittle_AndWithoutHandlesAPublisherStillGetsIn()
    {
        var port = FreePort();
        using var run = _streamdiff.Start(
            "run", "--model", "passthrough", "--size", "64x64", "-i", $"rtmp://127.0.0.1:{port}/live/key?listen=1", "-o", "null:",
            "--log-format", "json");
        run.ErrorDataReceived += (_, line) => _said.Enqueue(line.Data ?? "");
        run.BeginErrorReadLine();
        run.OutputDataReceived += (_, _) => { };
        run.BeginOutputReadLine();
        try
        {
            await Until(run, () => IsListened(port), "it listens");
            // What the first peer of all makes.
            await Shout(port, TimeSpan.FromMilliseconds(200));
            File.WriteAllText($"/proc/{run.Id}/clear_refs", "5");
            var (memory, handles) = (Status(run, "VmRSS:"), Handles(run));
            var sent = await Task.WhenAll(Enumerable.Range(0, Peers).Select(_ => Shout(port, Shouting)));
            var most = Status(run, "VmHWM:");
            await Until(run, () => Handles(run) <= handles + 2, "the handles are given back");
            output.WriteLine(string.Create(CultureInfo.InvariantCulture,
                $"unproven: {Peers} peers, {sent.Sum() >> 10} KB taken from them; memory {memory >> 20} MB before, {most >> 20} at most, "
                    + $"{Status(run, "VmRSS:") >> 20} after; handles {handles} before, {Handles(run)} after"));
            Assert.InRange(most - memory, long.MinValue, MostBytes);

            // A few handles more and there are none but the last, which the program needs itself, while idle connections go on coming.
            using (var limit = Process.Start("prlimit", [$"--pid={run.Id}", $"--nofile={Handles(run) + 24}"]))
                await limit.WaitForExitAsync();
            using var enough = new CancellationTokenSource();
            var idle = Task.Run(() => Idle(port, enough.Token));
            await Until(run, () => Handles(run) >= handles + 6, "all handles are taken but the last");
            using var sender = Process.Start("ffmpeg",
            [
                "-v", "quiet", "-nostdin", "-re", "-f", "lavfi", "-i", "testsrc2=size=64x64:rate=10", "-t", "600", "-g", "10", "-c:v",
                "libx264", "-preset", "ultrafast", "-f", "flv", $"rtmp://127.0.0.1:{port}/live/key",
            ]);
            try
            {
                await Until(run, () => _said.Any(l => l.Contains("\"state\":\"open\"", StringComparison.Ordinal)
                    && l.Contains("\"part\":\"source ", StringComparison.Ordinal)), "the publisher is in");
            }
            finally
            {
                sender.Kill();
                await enough.CancelAsync();
                await idle;
            }
            Streamdiff.Signal(run, PosixSignal.SIGTERM);
            using var patience = new CancellationTokenSource(Patience);
            await run.WaitForExitAsync(patience.Token);
            Assert.Equal(ExitCode.Signal + 15, run.ExitCode);
        }
        finally
        {
            if (!run.HasExited)
                run.Kill();
        }
    }

    // Messages of 16 MB on many chunk streams, each begun and none finished, again and again. Bytes that were taken.
    private static async Task<long> Shout(int port, TimeSpan time)
    {
        var bytes = new List<byte>([3, .. new byte[2 * 1536], .. Message(2, 1, 4, [0x00, 0xff, 0xff, 0xff])]);
        for (byte stream = 3; stream < 63; stream++)
            bytes.AddRange(Message(stream, 9, 0xff_ffff, new byte[64 << 10]));
        var (all, clock, taken) = (bytes.ToArray(), Stopwatch.StartNew(), 0L);
        while (clock.Elapsed < time)
        {
            try
            {
                using var peer = new TcpClient();
                await peer.ConnectAsync(IPAddress.Loopback, port);
                for (var at = 0; at < all.Length && clock.Elapsed < time; at += 4096)
                {
                    await peer.GetStream().WriteAsync(all.AsMemory(at, Math.Min(4096, all.Length - at)));
                    taken += 4096;
                }
            }
            catch (Exception e) when (e is IOException or SocketException)
            {
                // Sent away: it comes again.
            }
        }
        return taken;
    }

    private static byte[] Message(byte stream, byte type, int length, byte[] payload) =>
        [stream, 0, 0, 0, (byte)(length >> 16), (byte)(length >> 8), (byte)length, type, 0, 0, 0, 0, .. payload];

    private static async Task Idle(int port, CancellationToken ct)
    {
        var idle = new Queue<TcpClient>();
        while (!ct.IsCancellationRequested)
        {
            var peer = new TcpClient();
            idle.Enqueue(peer);
            try
            {
                await peer.ConnectAsync(IPAddress.Loopback, port, CancellationToken.None);
                await Task.Delay(20, CancellationToken.None);
            }
            catch (SocketException)
            {
            }
            while (idle.Count > 60)
                idle.Dequeue().Dispose();
        }
        foreach (var peer in idle)
            peer.Dispose();
    }

    private static bool IsListened(int port)
    {
        try
        {
            using var peer = new TcpClient();
            peer.Connect(IPAddress.Loopback, port);
            return true;
        }
        catch (SocketException)
        {
            return false;
        }
    }

    private async Task Until(Process run, Func<bool> holds, string what)
    {
        var patience = Stopwatch.StartNew();
        while (!holds())
        {
            Assert.False(
                run.HasExited || patience.Elapsed > Patience,
                $"{what}: it never was so ({(run.HasExited ? $"ended with {run.ExitCode}" : "it runs")})\n{string.Join('\n', _said)}");
            await Task.Delay(20);
        }
    }

    private static int Handles(Process process) => Directory.GetFiles($"/proc/{process.Id}/fd").Length;

    private static long Status(Process process, string name)
    {
        var line = File.ReadLines($"/proc/{process.Id}/status").First(l => l.StartsWith(name, StringComparison.Ordinal));
        return long.Parse(line.Split(' ', StringSplitOptions.RemoveEmptyEntries)[^2].Split('\t')[^1], CultureInfo.InvariantCulture) << 10;
    }

    private static int FreePort()
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        return ((IPEndPoint)listener.LocalEndpoint).Port;
    }
}
