using StreamDiff.Models.Vae;
using StreamDiff.Training.Styles;
using static TorchSharp.torch;

namespace StreamDiff.Training.Evaluation;

/// <summary>
/// What no transformer could do better: the styles' own pictures, judged as <see cref="StyleEvaluation"/> judges the model's, and what the
/// autoencoder makes of them. Says whether a style is missed by its program, the autoencoder or the transformer.
/// </summary>
internal static class TargetEvaluation
{
    public static void Run(
        IVae vae, IReadOnlyList<StyleEvaluation.Input> inputs, IReadOnlyList<Style> styles, (int Width, int Height) size, Report report)
    {
        using var classifier = StyleEvaluation.Learn(size, vae.Device);
        var motions = inputs.Select(i => new MotionField(i.Clip)).ToArray();
        report.Begin($"Targets and autoencoder: mean over {inputs.Count} inputs", "style", "targets recognised",
            "after the autoencoder", "target's flicker in motion, in 8-bit steps", "after the autoencoder / before", "PSNR dB");
        foreach (var entry in styles)
        {
            var label = StyleBank.All.ToList().IndexOf(entry);
            var (known, kept, flicker, wanted, likeness) = (0, 0, 0.0, 0.0, 0.0);
            foreach (var (input, motion) in inputs.Zip(motions))
            {
                using var scope = NewDisposeScope();
                var target = StyleEvaluation.Painted(entry, input.Clip, vae.Device);
                var coded = VaeCheck.RoundTrip(vae, target);
                known += classifier.Of(StyleStatistics.Of(input.Clip, target)) == label ? 1 : 0;
                kept += classifier.Of(StyleStatistics.Of(input.Clip, coded)) == label ? 1 : 0;
                wanted += motion.Flicker(target);
                flicker += motion.Flicker(coded);
                likeness += Measures.Psnr(coded, target);
            }
            report.Row(entry.Name, $"{known} of {inputs.Count}", $"{kept} of {inputs.Count}", 255 * wanted / inputs.Count, flicker / wanted,
                likeness / inputs.Count);
        }
        foreach (var motion in motions)
            motion.Dispose();
    }
}
