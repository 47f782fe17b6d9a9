using StreamDiff.Models;
using StreamDiff.Models.Loading;
using StreamDiff.Pipeline.Plan;
using StreamDiff.Training.Data;
using StreamDiff.Training.Styles;
using StreamDiff.Transport.Media.FFmpeg;
using static TorchSharp.torch;

namespace StreamDiff.Training.Evaluation;

/// <summary>Every style on every input: is it recognised, does it follow the input, does it flicker?</summary>
internal static class StyleEvaluation
{
    private const int Frames = 29;
    private const int ClassifierClips = 40;
    private const int SyntheticClips = 8;
    // Of a webcam in a room: standard deviation in shares of full scale.
    private const float CameraNoise = 0.012f;
    private const int StillEvery = 3;
    private const int Settled = 9;

    private static readonly string[] OwnSources = ["test:scene"];

    /// <summary>A clip to judge by.</summary>
    internal sealed record Input(string Name, Tensor Clip);

    public static IReadOnlyList<Input> Clips(IReadOnlyList<string> files, (int Width, int Height) size) =>
    [
        .. Enumerable.Range(0, SyntheticClips).Select(i => Synthetic(i, size)),
        .. OwnSources.Where(_ => FFmpegReport.Create().Release is not null).Concat(files)
            .Select(f => new Input(Path.GetFileName(f), ClipReader.Read(f, Frames, size.Width, size.Height))),
    ];

    /// <summary>Scenes at rest before a camera: one picture each, every frame with noise of its own.</summary>
    private static IReadOnlyList<Tensor> AtRest(IReadOnlyList<Input> inputs) =>
        [.. inputs.Where((_, i) => i % StillEvery == 0)
            .Select((input, i) => WithCameraNoise(input.Clip.narrow(0, 0, 1).expand(Frames, -1, -1, -1), (ulong)(100 + i)))];

    // Every other one with the noise of a camera: without any, a target at rest does not change at all, and no ratio to it means much.
    private static Input Synthetic(int index, (int Width, int Height) size)
    {
        var clip = Inputs.Synthetic(Inputs.HeldOutSeed + 20 + index, Frames, size.Width, size.Height);
        if (index % 2 == 0)
            return new Input($"synthetic {index}", clip);
        using (clip)
            return new Input($"synthetic {index}, with a camera's noise", WithCameraNoise(clip, (ulong)index));
    }

    private static Tensor WithCameraNoise(Tensor clip, ulong seed)
    {
        using var scope = NewDisposeScope();
        using var generator = new Generator(seed);
        return clip.add(randn(clip.shape, generator: generator).mul(Scalars.Of(CameraNoise)), Scalars.One).clamp(Scalars.Of(0), Scalars.One)
            .MoveToOuterDisposeScope();
    }

    // Mean difference of neighbours. The first latent frames are left out: a stream that begins has no past to agree with.
    private static double Restlessness(Tensor clip)
    {
        using var scope = NewDisposeScope();
        var frames = clip.narrow(0, Settled, clip.size(0) - Settled);
        return frames.diff(1, 0).abs().mean().item<float>();
    }

    public static void Run(
        ModelBundle models, SamplingOptions options, IReadOnlyList<Input> inputs, IReadOnlyList<Style> styles, (int Width, int Height) size,
        Report report, string sheet)
    {
        using var classifier = Learn(size, models.Vae.Device);
        var rows = inputs.Select(i => new List<Tensor> { i.Clip[Frames - 1] }).ToArray();
        var (right, judged) = (new int[inputs.Count], 0);
        var motions = inputs.Select(i => new MotionField(i.Clip)).ToArray();
        report.Begin($"Styles: mean over {inputs.Count} inputs, {options.Steps} steps", "style", "recognised", "edges follow the input",
            "edges of the target", "flicker in motion / target's", "flicker at rest / target's", "PSNR to target dB");
        var restless = inputs.Select(_ => (Flicker: 0.0, Wanted: 0.0)).ToArray();
        var still = AtRest(inputs);
        var (unrest, unrestWanted) = (0.0, 0.0);
        foreach (var entry in styles)
        {
            using var prompt = models.EncodePrompt(entry.Words[0], out _);
            var label = StyleBank.All.ToList().IndexOf(entry);
            var (known, edges, wanted, flicker, wantedFlicker, likeness) = (0, 0.0, 0.0, 0.0, 0.0, 0.0);
            for (var i = 0; i < inputs.Count; i++)
            {
                using var scope = NewDisposeScope();
                var clip = inputs[i].Clip;
                var output = StreamRunner.Run(models, options, prompt, clip);
                var target = Painted(entry, clip, models.Vae.Device);
                var hit = classifier.Of(StyleStatistics.Of(clip, output)) == label;
                known += hit ? 1 : 0;
                right[i] += hit ? 1 : 0;
                edges += Measures.EdgeCorrelation(clip, output);
                wanted += Measures.EdgeCorrelation(clip, target);
                var (ours, theirs) = (motions[i].Flicker(output), motions[i].Flicker(target));
                (flicker, wantedFlicker) = (flicker + ours, wantedFlicker + theirs);
                restless[i] = (restless[i].Flicker + ours, restless[i].Wanted + theirs);
                likeness += Measures.Psnr(output, target);
                rows[i].Add(output[Frames - 1].clone().DetachFromDisposeScope());
            }
            var (rest, restWanted) = (0.0, 0.0);
            foreach (var clip in still)
            {
                using var scope = NewDisposeScope();
                rest += Restlessness(StreamRunner.Run(models, options, prompt, clip));
                restWanted += Restlessness(Painted(entry, clip, models.Vae.Device));
            }
            (unrest, unrestWanted) = (unrest + rest, unrestWanted + restWanted);
            judged++;
            report.Row(entry.Name, $"{known} of {inputs.Count}", edges / inputs.Count,
                entry.KeepsPicture ? wanted / inputs.Count : "(tiles have their own)", flicker / wantedFlicker, rest / restWanted,
                likeness / inputs.Count);
        }
        report.Row("all", $"{right.Sum()} of {judged * inputs.Count}", "", "", restless.Sum(r => r.Flicker) / restless.Sum(r => r.Wanted),
            unrest / unrestWanted, "");
        report.Begin("Styles, by input", "input", "share recognised", "flicker, in 8-bit steps", "the target's", "ratio");
        for (var i = 0; i < inputs.Count; i++)
            report.Row(inputs[i].Name, (double)right[i] / judged, 255 * restless[i].Flicker / judged, 255 * restless[i].Wanted / judged,
                restless[i].Flicker / restless[i].Wanted);
        report.Row("all", (double)right.Sum() / (judged * inputs.Count), "", "", "");
        foreach (var motion in motions)
            motion.Dispose();
        foreach (var clip in still)
            clip.Dispose();
        using (var plain = models.EncodePrompt("a quiet brelomi video", out _))
            for (var i = 0; i < inputs.Count; i++)
                rows[i].Add(StreamRunner.Run(models, options, plain, inputs[i].Clip)[Frames - 1].clone());
        WriteSheet(sheet, rows);
    }

    // Ten pictures a line, or a sheet of all styles would be a ribbon.
    private static void WriteSheet(string path, List<Tensor>[] rows) =>
        PictureSheet.Write(path, [.. rows.SelectMany(r => r.Chunk((r.Count + 1) / 2))]);

    /// <summary>A clip in host memory as a style's program has it, painted on a device.</summary>
    internal static Tensor Painted(Style style, Tensor clip, Device device)
    {
        using var scope = NewDisposeScope();
        return style.Target(clip.to(device)).cpu().MoveToOuterDisposeScope();
    }

    /// <summary>A classifier of the styles' programs.</summary>
    /// <param name="size">Of the pictures.</param>
    /// <param name="device">That paints them.</param>
    /// <param name="knowsPlain">True gives it one class more, after those of the styles: a picture that is as it was.</param>
    /// <param name="clips">Drawn clips to learn from.</param>
    internal static StyleClassifier Learn((int Width, int Height) size, Device device, bool knowsPlain = false, int clips = ClassifierClips)
    {
        using var scope = NewDisposeScope();
        var (features, labels) = (new List<Tensor>(), new List<long>());
        for (var i = 0; i < clips; i++)
        {
            using var inner = NewDisposeScope();
            var clip = Inputs.Synthetic(Inputs.ClassifierSeed + i, 9, size.Width, size.Height)
                .index_select(0, tensor(new long[] { 0, 4, 8 }));
            for (var style = 0; style < StyleBank.All.Count + (knowsPlain ? 1 : 0); style++)
            {
                var target = style == StyleBank.All.Count ? clip : Painted(StyleBank.All[style], clip, device);
                // A model's pictures are softer than a program's; softness is no style.
                features.Add(StyleStatistics.Of(clip, i % 2 == 0 ? target : ImageFilters.Blur(target, 0.9)).MoveToOuterDisposeScope());
                labels.AddRange([style, style, style]);
            }
        }
        return new StyleClassifier(cat(features), tensor(labels.ToArray()), StyleBank.All.Count + (knowsPlain ? 1 : 0));
    }
}
