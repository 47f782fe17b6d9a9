using StreamDiff.Models;
using StreamDiff.Models.Loras;
using StreamDiff.Models.Registry;
using StreamDiff.Pipeline.Control;
using StreamDiff.Pipeline.Loading;
using StreamDiff.Pipeline.Plan;
using StreamDiff.Transport.Files;

namespace StreamDiff.Pipeline.Checks;

/// <summary>
/// Looks at all options of a run before anything is loaded, so that a user sees everything that is wrong at once. Reads the disk, leaves
/// nothing changed.
/// </summary>
public static class RestyleOptionsValidator
{
    private const int SizeStep = 16;
    private const int SmallestSize = 64;
    private const int LargestSize = 8192;

    /// <param name="options">The run.</param>
    /// <param name="catalog">Where its model is.</param>
    /// <param name="others">Files that are used besides those of the options, such as a configuration file.</param>
    public static RestyleCheck Check(RestyleOptions options, ModelCatalog catalog, params IEnumerable<FileUse> others)
    {
        var findings = new Findings();
        findings.Problems.AddRange(OptionTable.Problems(options.Groups));
        var model = options.IsPassthrough ? null : FindModel(options, catalog, findings);
        if (options.IsLive)
            LiveOptionsCheck.Check(options, findings);
        else
        {
            FilePaths.Check(options, findings);
            findings.Require(
                options is
                {
                    Live: { Jitter: null, Fallback: LiveOptions.Last },
                    Input: { WaitForSource: null, SourceGone: null },
                    Output: { SegmentTime: null, BitRate: null, IsConstantBitRate: false },
                },
                "jitter, wait-for-source, source-gone, segment-time, fallback, bitrate and cbr are for live runs: add --live");
        }
        findings.Require(!options.IsPassthrough || options.Compute is { Loras: [], LoraLive: false },
            "lora changes a model, and passthrough has none");
        findings.Require(!options.IsPassthrough || !options.Output.HasAlpha, "alpha needs a model: passthrough takes nothing out");
        ControlOptionsCheck.Check(options, model?.Config, findings);
        FilePaths.CheckRule(options, model, others, findings);
        findings.Require(options.Output.Codec is null or { Length: > 0 }, "codec must name a video encoder, such as libx264");
        if (options.IsPassthrough)
            return new RestyleCheck(options, null, findings.Problems, findings.Notes);
        CheckPrompt(options.Sampling.Prompt, model, findings);
        CheckMode(options.Sampling.Mode, model, catalog, findings);
        CheckDenoising(options.Sampling, model, findings);
        CheckCache(options.Sampling, model?.Config, findings);
        CheckVae(options.Compute, model, findings);
        CheckRanks(options.Compute, model?.Config, findings);
        CheckLoras(options.Compute, model, findings);
        CheckHeads(options, model, findings);
        var frame = options.Frame with { Size = UsedSize(options.Frame.Size, findings.Problems, findings.Notes) };
        return new RestyleCheck(options with { Frame = frame }, model, findings.Problems, findings.Notes);
    }

    private static Model? FindModel(RestyleOptions options, ModelCatalog catalog, Findings findings)
    {
        try
        {
            var model = catalog.Find(options.Compute.Model);
            if (model.Config.Weights.All().Any(w => w.Key != "tokenizer" && WeightFiles.IsRandom(w.Value, out _)))
                findings.Note($"the weights of {model.Name} are random, not trained: the pictures mean nothing yet");
            return model;
        }
        catch (ModelException e)
        {
            findings.Problem(e.Message);
            return null;
        }
    }

    private static void CheckPrompt(string prompt, Model? model, Findings findings)
    {
        var words = StreamNotes.CountWords(prompt);
        if (words == 0)
            findings.Note("the prompt is empty: the model follows the picture only");
        else if (model is not null && StreamNotes.HasTooManyWords(prompt, model.Config))
            findings.Note(
                $"the prompt has {words} words: {model.Name} reads the first {model.Config.Dit.TextLen - 1} tokens of it, the rest has "
                + "no effect");
    }

    private static void CheckMode(DenoisingMode wanted, Model? model, ModelCatalog catalog, Findings findings)
    {
        var mode = OptionText.Word(wanted);
        if (model is null || model.Config.Modes.Contains(mode))
            return;
        var others = catalog.Names.Select(catalog.TryFind).OfType<Model>().Where(m => m.Config.Modes.Contains(mode)).Select(m => m.Name)
            .ToList();
        findings.Problem(
            $"model {model.Name} was made for mode {string.Join(" or ", model.Config.Modes)} and cannot do "
            + $"{mode}{(others.Count == 0 ? "" : $": {string.Join(", ", others)} can")}");
    }

    private static void CheckDenoising(SamplingOptions options, Model? model, Findings findings)
    {
        if (model is null)
            return;
        var most = model.Config.Diffusion.DenoisingSteps.Count;
        findings.Require(options.Steps <= most || options.Steps > StreamSettings.MostSteps,
            $"steps must be from 1 to {most}, not {options.Steps}");
        var wanted = new[] { options.NoiseScale is { } scale ? new NoiseScaleChange(scale) : null as ControlChange,
            new StepsChange(options.Steps) };
        foreach (var note in wanted.Select(w => w is null ? null : StreamNotes.OutOfRange(model.Name, model.Config, w)).OfType<string>())
            findings.Note(note);
    }

    private static void CheckCache(SamplingOptions options, ModelConfig? model, Findings findings)
    {
        const int PublishedJump = 50;
        var effective = model is null ? options : options.WithDefaultsOf(model);
        var (window, sinks) = (effective.WindowFrames, effective.SinkFrames);
        findings.Require(!(window >= 1 && sinks >= window),
            $"sinks ({sinks}{Origin(options.SinkFrames)}) must be less than window ({window}{Origin(options.WindowFrames)})");
        findings.Require(options.Rope != RopeMode.Published || window is null or < PublishedJump,
            $"rope published needs a window below {PublishedJump} latent frames, not {window}: use rope relative");
        if (sinks == 0 && options.SinkThreshold is not null)
            findings.Note("sink-threshold has no effect without sinks");

        static string Origin(int? given) => given is null ? ", the model's default" : "";
    }

    private static void CheckVae(ComputeOptions options, Model? model, Findings findings)
    {
        if (model is null)
            return;
        var vae = options.Vae ?? model.Config.Vae.Default;
        if (!model.Config.Vae.Names.Contains(vae))
            findings.Problem($"model {model.Name} has no {vae} vae: it offers {string.Join(", ", model.Config.Vae.Names)}");
        else
            foreach (var obstacle in ModelFiles.Obstacles(model, vae))
                findings.Problem(obstacle);
    }

    private static void CheckLoras(ComputeOptions options, Model? model, Findings findings)
    {
        findings.Require(options.Loras.Count > 0 || !options.LoraLive, "lora-live has an effect with lora only");
        if (model is null || options.Loras.Count == 0)
            return;
        if (LoraSet.Problem(options.Loras) is { } problem)
        {
            findings.Problem(problem);
            return;
        }
        foreach (var lora in options.Loras)
            try
            {
                LoraReport.Open([lora], options.LoraLive, model).Dispose();
            }
            catch (ModelException e)
            {
                findings.Problem(e.Message);
            }
    }

    private static void CheckHeads(RestyleOptions options, Model? model, Findings findings)
    {
        if (model is null)
            return;
        try
        {
            if (options.Compute.SplitOf(model) is { } split && options.Sampling.WithDefaultsOf(model.Config).WindowFrames is { } window
                && split.StreamingFrames(window) >= window)
                findings.Note($"heads has no effect in a window of {window}: streaming heads hold {split.SinkFrames + split.RecentFrames} "
                    + "frames as it is");
        }
        catch (ModelException e)
        {
            findings.Problem(e.Message);
        }
    }

    private static void CheckRanks(ComputeOptions options, ModelConfig? model, Findings findings)
    {
        findings.Require(options.VaeDevice is null || options.Ranks is not null, "vae-device has an effect with ranks only");
        findings.Require(options.Ranks is null || model is null || options.Ranks.Count <= model.Dit.NumLayers,
            $"{options.Ranks?.Count} ranks cannot share the {model?.Dit.NumLayers} blocks of {options.Model}");
    }

    /// <summary>The size that the network works with in place of the one that was asked for; null for the model's own.</summary>
    /// <param name="size">As it was asked for.</param>
    /// <param name="problems">Takes the reason where there is no such size.</param>
    /// <param name="notes">Takes a line where it is another one.</param>
    public static (int Width, int Height)? UsedSize((int Width, int Height)? size, ICollection<string> problems, ICollection<string> notes)
    {
        if (size is not var (width, height))
            return null;
        if (width < 1 || height < 1 || width > LargestSize || height > LargestSize)
        {
            problems.Add($"size must be from 1 to {LargestSize} pixels each way, not {width}x{height}");
            return size;
        }
        var used = (Width: Fitting(width), Height: Fitting(height));
        if (used != (width, height))
            notes.Add(
                $"the model works on multiples of {SizeStep} pixels, at least {SmallestSize}: size {used.Width}x{used.Height} is used "
                + $"instead of {width}x{height}");
        return used;

        static int Fitting(int pixels) => Math.Max(pixels / SizeStep * SizeStep, SmallestSize);
    }

    internal sealed class Findings
    {
        public List<string> Problems { get; } = [];

        public List<string> Notes { get; } = [];

        public void Problem(string text) => Problems.Add(text);

        public void Note(string text) => Notes.Add(text);

        public void Require(bool holds, string problem)
        {
            if (!holds)
                Problems.Add(problem);
        }
    }
}
