using System.Globalization;
using StreamDiff.Bench.Reports;
using StreamDiff.Client;
using StreamDiff.Scheduling.Simulation.Fleets;
using StreamDiff.Scheduling.Statistics;

namespace StreamDiff.Bench.Fleets;

/// <summary>
/// The users of a load in real time, at whatever answers the API of the studio: a studio, or the front of a fleet. Their source is the test
/// scene where the stream runs, their output nowhere, so that neither network nor codecs take part.
/// </summary>
/// <param name="address">Of the API.</param>
/// <param name="key">A key that may start sessions; null where none is needed.</param>
/// <param name="size">Width and height.</param>
internal sealed class RealFleet(Uri address, string? key, (int Width, int Height) size)
{
    private static readonly TimeSpan Look = TimeSpan.FromMilliseconds(50);

    /// <summary>Runs the load to its end; figures under the names of <see cref="FleetBenchmark"/>.</summary>
    /// <exception cref="BenchmarkException">Nothing answers there.</exception>
    public IReadOnlyList<Figure> Run(FleetLoad load, Action<string> log, CancellationToken cancellation)
    {
        using var client = new StudioClient(address, key);
        try
        {
            log($"{load.Requests.Count} streams against {address}, {load.Seconds:0} s of requests");
            client.GetStatus(cancellation).GetAwaiter().GetResult();
            var begin = TimeProvider.System.GetTimestamp();
            var users = Task.WhenAll(load.Requests.Select((request, i) => User(client, request, i, begin, cancellation)));
            return Figures(users.GetAwaiter().GetResult());
        }
        catch (HttpRequestException e)
        {
            throw new BenchmarkException($"{address}: {e.Message}", e);
        }
    }

    private async Task<UserOutcome> User(
        StudioClient client, FleetRequest request, int number, long begin, CancellationToken cancellation)
    {
        double Now() => TimeProvider.System.GetElapsedTime(begin).TotalSeconds;
        Task Until(double second) => Task.Delay(TimeSpan.FromSeconds(Math.Max(0, second - Now())), TimeProvider.System, cancellation);

        await Until(request.At).ConfigureAwait(false);
        var (asked, end) = (Now(), request.At + request.Seconds);
        var name = $"fleet-{number}";
        try
        {
            await client.StartSession(Session(name, request), cancellation).ConfigureAwait(false);
        }
        catch (StudioException)
        {
            return new UserOutcome(request, null, 0, 0, 0);
        }
        double? first = null;
        SessionStatus? status = null;
        while (Now() < end)
        {
            await Task.Delay(Look, TimeProvider.System, cancellation).ConfigureAwait(false);
            // A fleet that moves a stream may not know how it is doing for a moment.
            status = (await client.GetSession(name, cancellation).ConfigureAwait(false)).Status ?? status;
            if (first is null && status is { FirstFrameMs: not null })
            {
                first = Now() - asked;
                await Until(end - 2 * Look.TotalSeconds).ConfigureAwait(false);
            }
        }
        await client.StopSession(name, cancellation).ConfigureAwait(false);
        return status is null
            ? new UserOutcome(request, null, 0, 0, 0)
            : new UserOutcome(request, first, status.FramesIn, status.FramesOut - status.Late, status.LatencyMaxMs);
    }

    private NewSession Session(string name, FleetRequest request) => new()
    {
        Name = name,
        Input = string.Create(CultureInfo.InvariantCulture,
            $"test:scene?size={size.Width}x{size.Height}&rate={request.Slo.TargetFps}&duration=0"),
        Outputs = ["null:"],
        Prompt = "a painting",
        Steps = request.Steps,
        Size = string.Create(CultureInfo.InvariantCulture, $"{size.Width}x{size.Height}"),
        Fps = request.Slo.TargetFps.ToString(CultureInfo.InvariantCulture),
        DeadlineMs = request.Slo.Deadline.TotalMilliseconds,
        Ladder = ["none"],
    };

    private static IReadOnlyList<Figure> Figures(IReadOnlyList<UserOutcome> users)
    {
        var first = Distribution.Of(users.Select(u => u.First).OfType<double>());
        return
        [
            Figure.Once("all-user fps", "", Better.Higher, users.Average(u => u.InTime / u.Request.Seconds)),
            Figure.Once("served", "", Better.Higher, first.Count),
            Figure.Once("refused", "", Better.Lower, users.Count - first.Count),
            Figure.Once("pictures in time", "%", Better.Higher, 100.0 * users.Sum(u => u.InTime) / Math.Max(1, users.Sum(u => u.Read))),
            Figure.Once("worst chunk", "ms", Better.Lower, users.Max(u => u.WorstMs)),
            Figure.Once("first picture p50", "s", Better.Lower, first.P50),
            Figure.Once("first picture p95", "s", Better.Lower, first.P95),
            Figure.Once("first picture max", "s", Better.Lower, first.Maximum),
        ];
    }

    private sealed record UserOutcome(FleetRequest Request, double? First, long Read, long InTime, double WorstMs);
}
