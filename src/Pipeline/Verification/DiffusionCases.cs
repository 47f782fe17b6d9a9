using StreamDiff.Models.Diffusion;
using StreamDiff.Models.Wan.Layers;
using static TorchSharp.torch;

namespace StreamDiff.Pipeline.Verification;

internal static class DiffusionCases
{
    public static void FlowMatch(GoldenCase golden, Comparison compare)
    {
        var schedule = new FlowMatchSchedule(
            golden.Config.GetProperty("shift").GetDouble(), golden.Config.GetProperty("num_train_timesteps").GetInt32());
        compare.Tensors("sigmas", golden.Tensor("sigmas"), tensor(schedule.Sigmas.ToArray()));
        compare.Tensors("timesteps", golden.Tensor("timesteps"),
            tensor(Enumerable.Range(0, schedule.Steps).Select(schedule.TimestepOf).ToArray()));

        var timesteps = Timesteps(golden);
        for (var i = 0; i < timesteps.Length; i++)
        {
            var (clean, noise, noisy) = (golden.Tensor("clean")[i], golden.Tensor("noise")[i], golden.Tensor("noisy")[i]);
            compare.Tensors($"noisy[{i}]", noisy, schedule.AddNoise(clean, noise, timesteps[i]));
            compare.Tensors($"x0[{i}]", golden.Tensor("x0")[i], schedule.Denoise(noisy, golden.Tensor("flow")[i], timesteps[i]));
        }
    }

    public static void Rope(GoldenCase golden, Comparison compare)
    {
        var rotary = new RotaryEmbedding3D(golden.Config.GetProperty("head_dim").GetInt32());
        var grid = golden.Config.GetProperty("grid").EnumerateArray().Select(e => e.GetInt32()).ToArray();
        var starts = golden.Config.GetProperty("start_frames").EnumerateArray().Select(e => e.GetInt64()).ToArray();
        for (var row = 0; row < starts.Length; row++)
        {
            var frames = Enumerable.Range(0, grid[0]).Select(f => starts[row] + f).ToArray();
            var table = rotary.Table(frames, grid[1], grid[2], golden.Device);
            var x = golden.Tensor("x").narrow(0, row, 1);
            compare.Tensors($"roped[{row}]", golden.Tensor("roped").narrow(0, row, 1), RotaryEmbedding3D.Rotate(x, table));
        }

        // Row p of the published table holds position p in each of the three parts: that of frame p, row p and column p.
        var (cos, sin) = (golden.Tensor("freqs_cos"), golden.Tensor("freqs_sin"));
        for (var p = 0; p < cos.size(0); p++)
        {
            using var scope = NewDisposeScope();
            var turns = rotary.Turns(p, p, p, golden.Device);
            compare.Tensors($"cos[{p}]", cos[p], turns.real);
            compare.Tensors($"sin[{p}]", sin[p], turns.imag);
        }

        var embedding = golden.Tensor("time_embedding");
        var timesteps = Timesteps(golden);
        for (var i = 0; i < timesteps.Length; i++)
            compare.Tensors($"time_embedding[{i}]", embedding.narrow(0, i, 1),
                TimestepSinusoid.Of(timesteps[i], (int)embedding.size(1), golden.Device));
    }

    private static double[] Timesteps(GoldenCase golden) => golden.Tensor("timestep").to(ScalarType.Float64, CPU).data<double>().ToArray();
}
