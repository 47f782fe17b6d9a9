using StreamDiff.Models.Vae;
using StreamDiff.Training.Data;
using static TorchSharp.torch;

namespace StreamDiff.Training.Evaluation;

/// <summary>The autoencoder alone: how much of a picture survives it, and whether anything drifts.</summary>
internal static class VaeEvaluation
{
    private const int Frames = 33;
    private const int ClipFrames = 21;
    private const int LongFrames = 501;
    private const int SyntheticClips = 12;

    public static void Run(IVae vae, IReadOnlyList<string> files, (int Width, int Height) size, Report report)
    {
        report.Begin("Autoencoder: reconstruction", "clip", "PSNR dB", "flicker / input's");
        var synthetic = Enumerable.Range(0, SyntheticClips)
            .Select(i => Of(vae, Inputs.Synthetic(Inputs.HeldOutSeed + i, Frames, size.Width, size.Height))).ToArray();
        report.Row($"{SyntheticClips} held-out synthetic clips, mean", synthetic.Average(r => r.Psnr), Ratio(synthetic));
        report.Row($"{SyntheticClips} held-out synthetic clips, worst", synthetic.Min(r => r.Psnr),
            synthetic.Max(r => r.Flicker / r.InputFlicker));
        var sources = Inputs.Sources.Select(s => Of(vae, ClipReader.Read(s, Frames, size.Width, size.Height))).ToArray();
        for (var i = 0; i < sources.Length; i++)
            report.Row(Inputs.Sources[i], sources[i].Psnr, "");
        report.Row("FFmpeg sources, mean", sources.Average(r => r.Psnr), Ratio(sources));
        foreach (var file in files)
        {
            var kept = Of(vae, ClipReader.Read(file, Frames, size.Width, size.Height));
            report.Row(Path.GetFileName(file), kept.Psnr, kept.Flicker / kept.InputFlicker);
        }
        Drift(vae, size, report);
    }

    /// <summary>Clips of the user's alone: how much of them survives, by three measures.</summary>
    public static void OfClips(IVae vae, IReadOnlyList<string> files, (int Width, int Height) size, Report report)
    {
        report.Begin("Autoencoder: reconstruction of clips", "clip", "PSNR dB", "MS-SSIM", "gradient deviation");
        var all = new List<(double Psnr, double MsSsim, double Deviation)>();
        foreach (var file in files)
        {
            using var scope = NewDisposeScope();
            var clip = ClipReader.Read(file, ClipFrames, size.Width, size.Height);
            var back = VaeCheck.RoundTrip(vae, clip);
            var kept = clip.narrow(0, 0, back.size(0));
            all.Add((Measures.Psnr(kept, back), Measures.MsSsim(kept, back), Measures.GradientDeviation(kept, back)));
            report.Row(Path.GetFileName(file), all[^1].Psnr, all[^1].MsSsim, all[^1].Deviation);
        }
        if (all.Count > 0)
            report.Row("mean", all.Average(c => c.Psnr), all.Average(c => c.MsSsim), all.Average(c => c.Deviation));
    }

    private static double Ratio(IReadOnlyCollection<Kept> clips) => clips.Sum(c => c.Flicker) / clips.Sum(c => c.InputFlicker);

    private static Kept Of(IVae vae, Tensor clip)
    {
        using var scope = NewDisposeScope();
        var back = VaeCheck.RoundTrip(vae, clip);
        using var motion = new MotionField(clip);
        var kept = new Kept(Measures.Psnr(clip.narrow(0, 0, back.size(0)), back), motion.Flicker(back), motion.Flicker(clip));
        clip.Dispose();
        return kept;
    }

    private static void Drift(IVae vae, (int Width, int Height) size, Report report)
    {
        using var scope = NewDisposeScope();
        var loop = Inputs.Synthetic(Inputs.HeldOutSeed + 3, 21, size.Width, size.Height);
        var order = Enumerable.Range(0, LongFrames).Select(i => (long)(i % 40 <= 20 ? i % 40 : 40 - i % 40)).ToArray();
        var clip = loop.index_select(0, tensor(order));
        var back = VaeCheck.RoundTrip(vae, clip);
        var error = back.sub(clip.narrow(0, 0, back.size(0))).mean([2, 3]);
        report.Begin($"Autoencoder: {LongFrames} frames of a clip that goes to and fro", "what", "first 100 frames", "last 100 frames");
        foreach (var (name, channel) in new[] { ("red offset", 0), ("green offset", 1), ("blue offset", 2) })
            report.Row(name, (double)error.narrow(0, 0, 100).select(1, channel).mean().item<float>(),
                (double)error.narrow(0, back.size(0) - 100, 100).select(1, channel).mean().item<float>());
        report.Row("steps at every eighth pixel against others", Measures.Blocking(back.narrow(0, 0, 100)),
            Measures.Blocking(back.narrow(0, back.size(0) - 100, 100)));
        report.Row(
            "the same in the input", Measures.Blocking(clip.narrow(0, 0, 100)), Measures.Blocking(clip.narrow(0, back.size(0) - 100, 100)));
    }

    private readonly record struct Kept(double Psnr, double Flicker, double InputFlicker);
}
