using System.Text.Json;
using StreamDiff.Models;
using StreamDiff.Scheduling.Noise;
using StreamDiff.Scheduling.Placement;
using static TorchSharp.torch;

namespace StreamDiff.Pipeline.Verification;

internal static class SchedulingCases
{
    public static void NoiseController(GoldenCase golden, Comparison compare)
    {
        var options = new NoiseOptions { Scale = golden.Config.GetProperty("initial_noise_scale").GetDouble() };
        var motion = FrameMotion(golden.Tensor("video"));
        var scale = options.Scale;
        foreach (var row in golden.Facts.GetProperty("rows").EnumerateArray())
        {
            var (start, end) = (row[0].GetInt32(), row[1].GetInt32());
            var decision = Scheduling.Noise.NoiseController.Next(options, scale, motion[start..end].Max());
            scale = decision.Scale;
            compare.Numbers($"scale at frame {start}", row[2].GetDouble(), decision.Scale);
            compare.Exactly($"timestep at frame {start}", [row[3].GetInt32()], [decision.FirstTimestep]);
        }
    }

    public static void BlockSplit(GoldenCase golden, Comparison compare)
    {
        var index = 0;
        foreach (var row in golden.Facts.GetProperty("rows").EnumerateArray())
        {
            var result = PublishedBlockSplit.Balance(
                row.GetProperty("total_blocks").GetInt32(), Doubles(row.GetProperty("rank_times")), Doubles(row.GetProperty("dit_times")),
                [.. row.GetProperty("current").EnumerateArray().Select(r => new BlockRange(r[0].GetInt32(), r[1].GetInt32()))]);
            compare.Exactly($"row {index++}",
                row.GetProperty("expected").EnumerateArray().SelectMany(r => new[] { r[0].GetInt32(), r[1].GetInt32() }),
                result.SelectMany(r => new[] { r.Start, r.End }));
        }
    }

    /// <summary>RMS difference of each frame of [1, 3, T, H, W] to the one before; 0 for the first.</summary>
    internal static double[] FrameMotion(Tensor video)
    {
        using var scope = NewDisposeScope();
        var frames = video.size(2);
        if (frames < 2)
            return new double[frames];
        var difference = video.narrow(2, 1, frames - 1) - video.narrow(2, 0, frames - 1);
        var rms = difference.to_type(ScalarType.Float64).pow(Scalars.Of(2)).mean([0, 1, 3, 4]).sqrt().cpu();
        return [0, .. rms.data<double>()];
    }

    private static double[] Doubles(JsonElement list) => [.. list.EnumerateArray().Select(e => e.GetDouble())];
}
