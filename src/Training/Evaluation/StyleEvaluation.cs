using StreamDiff.Models;
using StreamDiff.Models.Wan;
using StreamDiff.Pipeline;
using StreamDiff.Training.Styles;
using static TorchSharp.torch;

namespace StreamDiff.Training.Evaluation;

/// <summary>Every style on every input: is it recognised, does it follow the input, does it flicker?</summary>
internal static class StyleEvaluation
{
    private const int Frames = 29;
    private const int ClassifierClips = 24;
    private const int SyntheticClips = 8;
    // Of a webcam in a room: standard deviation in shares of full scale.
    private const float CameraNoise = 0.012f;

    /// <summary>A clip to judge by.</summary>
    internal sealed record Input(string Name, Tensor Clip);

    public static IReadOnlyList<Input> Clips(IReadOnlyList<string> files, (int Width, int Height) size) =>
    [
        .. Enumerable.Range(0, SyntheticClips).Select(i => Synthetic(i, size)),
        new Input("test:scene", ClipReader.Read("test:scene", Frames, size.Width, size.Height)),
        .. files.Select(f => new Input(Path.GetFileName(f), ClipReader.Read(f, Frames, size.Width, size.Height))),
    ];

    // Every other one with the noise of a camera: without any, a target at rest does not change at all, and no ratio to it means much.
    private static Input Synthetic(int index, (int Width, int Height) size)
    {
        var clip = Inputs.Synthetic(Inputs.HeldOutSeed + 20 + index, Frames, size.Width, size.Height);
        if (index % 2 == 0)
            return new Input($"synthetic {index}", clip);
        using var scope = NewDisposeScope();
        using var generator = new Generator((ulong)index);
        return new Input($"synthetic {index}, with a camera's noise", clip.add(randn(clip.shape, generator: generator).mul(Scalars.Of(CameraNoise)), Scalars.One).clamp(Scalars.Of(0), Scalars.Of(1)).MoveToOuterDisposeScope());
    }

    public static void Run(ModelBundle models, RestyleOptions options, IReadOnlyList<Input> inputs, (int Width, int Height) size, Report report, string sheet)
    {
        using var classifier = Learn(size);
        var rows = inputs.Select(i => new List<Tensor> { i.Clip[Frames - 1] }).ToArray();
        var (right, judged) = (new int[inputs.Count], 0);
        var motions = inputs.Select(i => new MotionField(i.Clip)).ToArray();
        report.Begin($"Styles: mean over {inputs.Count} inputs, {options.Steps} steps", "style", "recognised", "edges follow the input", "edges of the target", "flicker / target's", "PSNR to target dB");
        var restless = inputs.Select(_ => (Flicker: 0.0, Wanted: 0.0)).ToArray();
        for (var style = 0; style < StyleBank.All.Count; style++)
        {
            var entry = StyleBank.All[style];
            using var prompt = models.EncodePrompt(entry.Words[0], out _);
            var (known, edges, wanted, flicker, wantedFlicker, likeness) = (0, 0.0, 0.0, 0.0, 0.0, 0.0);
            for (var i = 0; i < inputs.Count; i++)
            {
                using var scope = NewDisposeScope();
                var clip = inputs[i].Clip;
                var output = StreamRunner.Run(models, options, prompt, clip);
                var target = entry.Target(clip);
                var hit = classifier.Of(StyleStatistics.Of(clip, output)) == style;
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
            judged++;
            report.Row(entry.Name, $"{known} of {inputs.Count}", edges / inputs.Count, entry.KeepsPicture ? wanted / inputs.Count : "(tiles have their own)", flicker / wantedFlicker, likeness / inputs.Count);
        }
        report.Row("all", $"{right.Sum()} of {judged * inputs.Count}", "", "", restless.Sum(r => r.Flicker) / restless.Sum(r => r.Wanted), "");
        report.Begin("Styles, by input", "input", "share recognised", "flicker, in 8-bit steps", "the target's", "ratio");
        for (var i = 0; i < inputs.Count; i++)
            report.Row(inputs[i].Name, (double)right[i] / judged, 255 * restless[i].Flicker / judged, 255 * restless[i].Wanted / judged, restless[i].Flicker / restless[i].Wanted);
        report.Row("all", (double)right.Sum() / (judged * inputs.Count), "", "", "");
        foreach (var motion in motions)
            motion.Dispose();
        using (var plain = models.EncodePrompt("a quiet brelomi video", out _))
            for (var i = 0; i < inputs.Count; i++)
                rows[i].Add(StreamRunner.Run(models, options, plain, inputs[i].Clip)[Frames - 1].clone());
        WriteSheet(sheet, rows);
    }

    // Ten pictures a line, or a sheet of 18 styles would be a ribbon.
    private static void WriteSheet(string path, List<Tensor>[] rows) =>
        PictureSheet.Write(path, [.. rows.SelectMany(r => r.Chunk((r.Count + 1) / 2))]);

    private static StyleClassifier Learn((int Width, int Height) size)
    {
        using var scope = NewDisposeScope();
        var (features, labels) = (new List<Tensor>(), new List<long>());
        for (var i = 0; i < ClassifierClips; i++)
        {
            using var inner = NewDisposeScope();
            var clip = Inputs.Synthetic(Inputs.ClassifierSeed + i, 9, size.Width, size.Height).index_select(0, tensor(new long[] { 0, 4, 8 }));
            for (var style = 0; style < StyleBank.All.Count; style++)
            {
                var target = StyleBank.All[style].Target(clip);
                // A model's pictures are softer than a program's; softness is no style.
                features.Add(StyleStatistics.Of(clip, i % 2 == 0 ? target : ImageFilters.Blur(target, 0.9)).MoveToOuterDisposeScope());
                labels.AddRange([style, style, style]);
            }
        }
        return new StyleClassifier(cat(features), tensor(labels.ToArray()), StyleBank.All.Count);
    }
}
