using System.Diagnostics;
using StreamDiff.Scheduling.Statistics;
using TorchSharp;
using static TorchSharp.torch;

namespace StreamDiff.Bench.Core;

/// <summary>Collects wall times by stage; waits for the device, so that a stage is charged for its own work.</summary>
internal sealed class StageTimer(Device device)
{
    private readonly Dictionary<string, List<double>> _times = [];
    private readonly List<string> _order = [];

    public T Time<T>(string stage, Func<T> work)
    {
        var start = Stopwatch.GetTimestamp();
        var result = work();
        if (device.type == DeviceType.CUDA)
            cuda.synchronize();
        if (!_times.TryGetValue(stage, out var times))
        {
            _times[stage] = times = [];
            _order.Add(stage);
        }
        times.Add(Stopwatch.GetElapsedTime(start).TotalMilliseconds);
        return result;
    }

    public void Reset()
    {
        foreach (var times in _times.Values)
            times.Clear();
    }

    public IReadOnlyList<StageRow> Rows() => [.. _order.Select(s => Row(s, [.. _times[s].Order()]))];

    private static StageRow Row(string stage, double[] sorted) =>
        sorted.Length == 0
            ? new StageRow(stage, 0, 0, 0)
            : new StageRow(stage, Distribution.Median(sorted), Distribution.Quantile<double>(sorted, 0.95), sorted[^1]);
}

/// <summary>Milliseconds per chunk.</summary>
public sealed record StageRow(string Stage, double Median, double P95, double Max);
