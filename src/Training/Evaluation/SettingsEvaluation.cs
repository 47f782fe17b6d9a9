using StreamDiff.Models.Loading;
using StreamDiff.Pipeline.Plan;
using StreamDiff.Training.Styles;
using static TorchSharp.torch;

namespace StreamDiff.Training.Evaluation;

/// <summary>What steps, noise, sinks and rotary positions change, and whether a long stream stays what it was.</summary>
internal static class SettingsEvaluation
{
    private const int Frames = 61;
    private const int Longest = 3001;

    public static void Run(ModelBundle models, SamplingOptions options, (int Width, int Height) size, Report report)
    {
        using var scope = NewDisposeScope();
        var clip = Inputs.Synthetic(Inputs.HeldOutSeed + 22, Frames, size.Width, size.Height);
        var style = StyleBank.All.First(s => s.Name == "watercolor");
        using var prompt = models.EncodePrompt(style.Words[0], out _);
        var target = StyleEvaluation.Painted(style, clip, models.Vae.Device);
        using var motion = new MotionField(clip);
        report.Begin("Settings (watercolor, one held-out clip)", "setting", "PSNR to target dB", "edges follow the input",
            "flicker / target's", "difference from the default");
        var usual = StreamRunner.Run(models, options, prompt, clip);
        Row("default", options);
        foreach (var steps in (int[])[1, 2, 3, 4])
            Row($"{steps} steps", options with { Steps = steps });
        foreach (var noise in (double[])[0.25, 0.4, 0.6, 0.8])
            Row($"noise scale {noise:0.00}", options with { NoiseScale = noise });
        Row("no sinks", options with { SinkFrames = 0, SinkThreshold = -1 });
        Row("sinks that never change", options with { SinkThreshold = -1 });
        Row("rope published", options with { Rope = RopeMode.Published });

        void Row(string name, SamplingOptions changed)
        {
            using var inner = NewDisposeScope();
            var output = StreamRunner.Run(models, changed, prompt, clip);
            report.Row(name, Measures.Psnr(output, target), Measures.EdgeCorrelation(clip, output),
                motion.Flicker(output) / motion.Flicker(target),
                (double)output.sub(usual).abs().mean().item<float>());
        }
    }

    public static void LongRun(ModelBundle models, SamplingOptions options, (int Width, int Height) size, Report report)
    {
        using var scope = NewDisposeScope();
        // Goes to and fro, so that the input of every thousand frames is the same.
        var loop = Inputs.Synthetic(Inputs.HeldOutSeed + 23, 51, size.Width, size.Height);
        using var prompt = models.EncodePrompt("watercolor", out _);
        var figures = new List<float[]>();
        StreamRunner.Run(models, options, prompt, i => loop[i % 100 <= 50 ? i % 100 : 100 - i % 100], Longest, size, frames =>
        {
            using var inner = NewDisposeScope();
            var luma = ImageFilters.Luma(frames);
            var rows = stack(
            [
                luma.mean([1, 2, 3]),
                luma.std([1, 2, 3]),
                ImageFilters.Edges(luma).mean([1, 2, 3]),
                frames.amax([1]).sub(frames.amin([1])).mean([1, 2]),
            ], 1);
            for (var i = 0; i < rows.size(0); i++)
                figures.Add([.. Enumerable.Range(0, 4).Select(f => rows[i, f].item<float>())]);
        });
        report.Begin($"A stream of {Longest} frames (watercolor)", "statistic", "frames 100 to 600", "last 500", "change %");
        string[] names = ["brightness", "contrast", "edges", "saturation"];
        for (var f = 0; f < names.Length; f++)
        {
            var (early, late) = (figures.Skip(100).Take(500).Average(r => (double)r[f]), figures.TakeLast(500).Average(r => (double)r[f]));
            report.Row(names[f], early, late, 100 * (late - early) / early);
        }
    }
}
