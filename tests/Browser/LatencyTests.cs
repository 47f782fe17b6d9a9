using System.Diagnostics;
using System.Globalization;
using System.Net.WebSockets;
using System.Text.Json;
using Microsoft.Playwright;
using StreamDiff.Client;
using Xunit.Abstractions;

namespace StreamDiff.Browser.Tests;

/// <summary>
/// How long a frame is on its way from a browser through a session and back, read from a pixel code. scripts/browser-latency runs it and
/// keeps the figures.
/// </summary>
[Trait("Category", "Slow")]
public sealed class LatencyTests(Chromium chromium, ITestOutputHelper output) : IClassFixture<Chromium>
{
    private const int Frames = 400;
    private const int Changes = 8;

    [Fact]
    public async Task Passthrough_RoundTrip()
    {
        using var studio = new Studio("--model", "passthrough");
        var page = await chromium.Open(await studio.Address);
        var trips = await RoundTrips(page, "320x192", "30", "passthrough");
        // For a machine that does nothing else.
        if (Environment.GetEnvironmentVariable("STREAMDIFF_IDLE_MACHINE") == "1")
            Assert.InRange(Quantile(trips, 0.5), 0, 150);
    }

    [Fact]
    public async Task Tiny_RoundTripAndPromptChange()
    {
        using var studio = new Studio(keepsTimeCode: true, "--size", "96x64");
        var page = await chromium.Open(await studio.Address);
        await page.FillAsync("#prompt", "noir");
        await RoundTrips(page, "96x64", "15", "tiny");
        var changes = new List<double>();
        for (var i = 0; i < Changes; i++)
        {
            // From the click to the first frame that is no longer of the old style: noir is grey, sunset is warm.
            changes.Add(await page.EvaluateAsync<double>(
                """
                async (style) => {
                  const canvas = document.getElementById('after');
                  const context = canvas.getContext('2d');
                  const mean = () => {
                    const { data } = context.getImageData(0, canvas.height >> 2, canvas.width, canvas.height >> 1);
                    const sums = [0, 0, 0];
                    for (let i = 0; i < data.length; i++) if (i % 4 < 3) sums[i % 4] += data[i];
                    return sums.map((sum) => 4 * sum / data.length);
                  };
                  document.getElementById('blend').value = 0;
                  const [before, begin] = [mean(), performance.now()];
                  [...document.querySelectorAll('#styles button')].find((b) => b.textContent === style).click();
                  for (;;) {
                    const now = mean();
                    if (Math.abs(now[0] - now[2] - before[0] + before[2]) > 20) return performance.now() - begin;
                    if (performance.now() - begin > 60000) throw new Error(`${style}: ${before} is ${now}`);
                    await new Promise((done) => setTimeout(done, 5));
                  }
                }
                """, i % 2 == 0 ? "sunset" : "noir"));
            await page.WaitForFrames(40);
        }

        Tell("tiny", "prompt change, click to picture", changes);
    }

    [Fact]
    public async Task Viewers_TwentyCostLittleMoreThanOne()
    {
        using var studio = new Studio("--model", "passthrough");
        var address = await studio.Address;
        using var client = new StudioClient(address);
        await client.StartSession(new NewSession
        {
            Name = "many",
            Input = "test:scene?size=640x384&rate=30&duration=0",
            Size = "640x384",
            Fps = "30",
        });
        using var end = new CancellationTokenSource();
        var viewers = new List<Task<long>> { Watch(address, end.Token) };
        await Task.Delay(3000);
        var one = await Load(client);
        viewers.AddRange(Enumerable.Range(0, 19).Select(_ => Watch(address, end.Token)));
        await Task.Delay(3000);
        var twenty = await Load(client);
        await end.CancelAsync();
        var packets = await Task.WhenAll(viewers);
        Tell("passthrough", "share of one core, 1 viewer and 20", [one, twenty]);
        Assert.All(packets, p => Assert.True(p > 100));
        if (Environment.GetEnvironmentVariable("STREAMDIFF_IDLE_MACHINE") == "1")
            Assert.InRange(twenty - one, -0.1, 0.1);
    }

    private static async Task<double> Load(StudioClient client)
    {
        var before = await client.GetStatus();
        var clock = Stopwatch.StartNew();
        await Task.Delay(15_000);
        return ((await client.GetStatus()).ProcessorSeconds - before.ProcessorSeconds) / clock.Elapsed.TotalSeconds;
    }

    private static async Task<long> Watch(Uri studio, CancellationToken ct)
    {
        using var socket = new ClientWebSocket();
        await socket.ConnectAsync(new Uri($"ws://{studio.Authority}/api/v1/sessions/many/view"), ct);
        var buffer = new byte[1 << 20];
        long packets = 0;
        try
        {
            while (true)
                packets += (await socket.ReceiveAsync(buffer, ct)).EndOfMessage ? 1 : 0;
        }
        catch (OperationCanceledException)
        {
            return packets;
        }
    }

    private async Task<List<double>> RoundTrips(IPage page, string size, string fps, string model)
    {
        await page.Choose(size, fps);
        var first = await page.EvaluateAsync<double>(
            """
            async () => {
              const begin = performance.now();
              document.getElementById('fromWebcam').click();
              // Before there is a source the picture is black.
              const canvas = document.getElementById('after');
              for (;;) {
                await new Promise((done) => setTimeout(done, 5));
                if (!window.streamdiff.studio.viewer?.player.frames) continue;
                const pixel = canvas.getContext('2d').getImageData(canvas.width >> 1, canvas.height >> 1, 1, 1).data;
                if (pixel.slice(0, 3).some((v) => v > 30)) break;
              }
              return performance.now() - begin;
            }
            """);
        Tell(model, "first picture, click to picture", [first]);
        await page.WaitForFrames(30);
        await page.EvaluateAsync("() => { window.probe = new window.streamdiff.LatencyProbe(window.streamdiff.studio); }");
        await page.WaitFor($"window.probe.times.length >= {Frames}");
        var trips = (await page.EvaluateAsync<double[]>("() => window.probe.take()")).ToList();
        Tell(model, "round trip, canvas to canvas", trips);
        return trips;
    }

    private void Tell(string model, string what, List<double> values)
    {
        var text = values.Count < 5
            ? string.Join(", ", values.Select(v => v.ToString("0.00", CultureInfo.InvariantCulture)))
            : string.Create(CultureInfo.InvariantCulture,
                $"p50 {Quantile(values, 0.5):0}, p95 {Quantile(values, 0.95):0}, p99 {Quantile(values, 0.99):0} ms of {values.Count}");
        output.WriteLine($"{model}: {what}: {text}");
        var line = JsonSerializer.Serialize(new { model, what, text, values = values.Select(v => Math.Round(v, 2)) });
        if (Environment.GetEnvironmentVariable("STREAMDIFF_BROWSER_LATENCY") is { Length: > 0 } file)
            File.AppendAllLines(file, [line]);
    }

    private static double Quantile(List<double> values, double share)
    {
        var sorted = values.Order().ToList();
        return sorted[Math.Min(sorted.Count - 1, (int)(share * sorted.Count))];
    }
}
