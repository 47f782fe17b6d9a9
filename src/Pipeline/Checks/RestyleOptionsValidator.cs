using System.Text.RegularExpressions;
using StreamDiff.Models;
using StreamDiff.Models.Registry;
using StreamDiff.Pipeline.Control;
using StreamDiff.Pipeline.Live;
using StreamDiff.Pipeline.Plan;
using StreamDiff.Transport.Files;
using StreamDiff.Transport.Media;

namespace StreamDiff.Pipeline.Checks;

/// <summary>
/// Looks at all options of a run before anything is loaded, so that a user sees everything that is wrong at once. Reads the disk, leaves
/// nothing changed.
/// </summary>
public static partial class RestyleOptionsValidator
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
        var isLive = options.IsLive;
        var isPassthrough = options.Model == RestyleOptions.Passthrough;
        var model = isPassthrough ? null : FindModel(options, catalog, findings);
        if (isLive)
            LiveOptionsCheck.Check(options, findings);
        else
        {
            FilePaths.Check(options, findings);
            findings.Require(
                options is
                {
                    Deadline: null, WaitForSource: null, SourceGone: null, SegmentTime: null, VideoBitRate: null,
                    Fallback: FallbackFrame.Last
                },
                "deadline, wait-for-source, source-gone, segment-time, fallback and bitrate are for live runs: add --live");
        }
        CheckTimes(options, findings);
        ControlOptionsCheck.Check(options, model?.Config, findings);
        FilePaths.CheckRule(options, model, others, findings);
        if (isPassthrough)
        {
            CheckVideo(options, findings);
            return new RestyleCheck(options, null, findings.Problems, findings.Notes);
        }
        CheckPrompt(options, model, findings);
        CheckMode(options, model, catalog, findings);
        CheckDenoising(options, model, findings);
        CheckCache(options, model?.Config, findings);
        CheckVae(options, model, findings);
        CheckCompute(options, findings);
        CheckRanks(options, model?.Config, findings);
        CheckVideo(options, findings);
        return new RestyleCheck(
            options with { Size = UsedSize(options.Size, findings.Problems, findings.Notes) }, model, findings.Problems, findings.Notes);
    }

    private static Model? FindModel(RestyleOptions options, ModelCatalog catalog, Findings findings)
    {
        try
        {
            var model = catalog.Find(options.Model);
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

    private static void CheckPrompt(RestyleOptions options, Model? model, Findings findings)
    {
        var words = StreamNotes.CountWords(options.Prompt);
        if (words == 0)
            findings.Note("the prompt is empty: the model follows the picture only");
        else if (model is not null && StreamNotes.HasTooManyWords(options.Prompt, model.Config))
            findings.Note(
                $"the prompt has {words} words: {model.Name} reads the first {model.Config.Dit.TextLen - 1} tokens of it, the rest has "
                + "no effect");
    }

    private static void CheckMode(RestyleOptions options, Model? model, ModelCatalog catalog, Findings findings)
    {
        var mode = options.Mode.Name();
        if (model is null || model.Config.Modes.Contains(mode))
            return;
        var others = catalog.Names.Select(catalog.TryFind).OfType<Model>().Where(m => m.Config.Modes.Contains(mode)).Select(m => m.Name)
            .ToList();
        findings.Problem(
            $"model {model.Name} was made for mode {string.Join(" or ", model.Config.Modes)} and cannot do "
            + $"{mode}{(others.Count == 0 ? "" : $": {string.Join(", ", others)} can")}");
    }

    private static void CheckDenoising(RestyleOptions options, Model? model, Findings findings)
    {
        var most = Math.Min(model?.Config.Diffusion.DenoisingSteps.Count ?? 4, 4);
        findings.Require(options.Steps >= 1 && options.Steps <= most, $"steps must be from 1 to {most}, not {options.Steps}");
        findings.Require(options.NoiseScale is null or (>= 0.1 and <= 1),
            Invariant($"noise-scale must be from 0.1 to 1, not {options.NoiseScale}"));
        if (model is null)
            return;
        var wanted = new[] { options.NoiseScale is { } scale ? new NoiseScaleChange(scale) : null as ControlChange,
            new StepsChange(options.Steps) };
        foreach (var note in wanted.Select(w => w is null ? null : StreamNotes.OutOfRange(model.Name, model.Config, w)).OfType<string>())
            findings.Note(note);
    }

    private static void CheckCache(RestyleOptions options, ModelConfig? model, Findings findings)
    {
        const int PublishedJump = 50;
        var effective = model is null ? options : options.WithDefaultsOf(model);
        var (window, sinks) = (effective.WindowFrames, effective.SinkFrames);
        findings.Require(window is null or >= 1, $"window must be at least 1 latent frame, not {window}");
        findings.Require(sinks is null or >= 0, $"sinks must be at least 0, not {sinks}");
        findings.Require(!(window >= 1 && sinks >= window),
            $"sinks ({sinks}{Origin(options.SinkFrames)}) must be less than window ({window}{Origin(options.WindowFrames)})");
        findings.Require(options.SinkThreshold is null or (>= -1 and <= 1),
            Invariant($"sink-threshold must be from -1 to 1, not {options.SinkThreshold}"));
        findings.Require(options.Rope != RopeMode.Published || window is null or < PublishedJump,
            $"rope published needs a window below {PublishedJump} latent frames, not {window}: use rope relative");
        if (sinks == 0 && options.SinkThreshold is not null)
            findings.Note("sink-threshold has no effect without sinks");

        static string Origin(int? given) => given is null ? ", the model's default" : "";
    }

    private static void CheckVae(RestyleOptions options, Model? model, Findings findings)
    {
        if (options.Vae is not (null or "taehv" or "wan"))
        {
            findings.Problem($"vae must be taehv or wan, not {options.Vae}");
            return;
        }
        if (model is null)
            return;
        var vae = options.Vae ?? model.Config.Vae.Default;
        if (!model.Config.Vae.Names.Contains(vae))
            findings.Problem($"model {model.Name} has no {vae} vae: it offers {string.Join(", ", model.Config.Vae.Names)}");
        else
            foreach (var obstacle in ModelFiles.Obstacles(model, vae))
                findings.Problem(obstacle);
    }

    private static void CheckCompute(RestyleOptions options, Findings findings)
    {
        findings.Require(DeviceName().IsMatch(options.Device), $"device must be auto, cpu, cuda or cuda:N, not {options.Device}");
        findings.Require(options.Type is "auto" or "float32" or "bfloat16", $"dtype must be auto, float32 or bfloat16, not {options.Type}");
        findings.Require(options.Threads is null or (>= 1 and <= 1024), $"threads must be from 1 to 1024, not {options.Threads}");
    }

    private static void CheckRanks(RestyleOptions options, ModelConfig? model, Findings findings)
    {
        findings.Require(options.VaeDevice is null
            || (options.VaeDevice.Split(',') is { Length: 1 or 2 } vae && vae.All(d => d != "auto" && DeviceName().IsMatch(d))),
            $"vae-device must be a device such as cuda:2, or two such as cuda:0,cuda:1, not {options.VaeDevice}");
        findings.Require(options.VaeDevice is null || options.Ranks is not null, "vae-device has an effect with ranks only");
        if (options.Ranks is null)
            return;
        try
        {
            var ranks = Ranks.RankList.Parse(options.Ranks);
            findings.Require(model is null || ranks.Count <= model.Dit.NumLayers,
                $"{ranks.Count} ranks cannot share the {model?.Dit.NumLayers} blocks of {options.Model}");
        }
        catch (ModelException e)
        {
            findings.Problem(e.Message);
        }
    }

    private static void CheckTimes(RestyleOptions options, Findings findings)
    {
        const double Longest = 1e9;
        findings.Require(options.Start is null or (>= 0 and <= Longest),
            Invariant($"start must be from 0 seconds on, not {options.Start}"));
        findings.Require(options.Duration is null or (> 0 and <= Longest),
            Invariant($"duration must be above 0 seconds, not {options.Duration}"));
    }

    private static void CheckVideo(RestyleOptions options, Findings findings)
    {
        findings.Require(options.Fit is "crop" or "letterbox" or "stretch", $"fit must be crop, letterbox or stretch, not {options.Fit}");
        findings.Require(options.Fps is null || IsFrameRate(options.Fps),
            $"fps must be a number or a fraction such as 30, 23.976 or 30000/1001, not {options.Fps}");
        findings.Require(options.VideoCodec is null or { Length: > 0 }, "codec must name a video encoder, such as libx264");
        findings.Require(options.Quality is null or (>= 0 and <= 63), $"quality must be from 0 to 63, not {options.Quality}");
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

    private static bool IsFrameRate(string text) => Rational.TryParse(text, out var rate) && rate.ToDouble() is >= 0.1 and <= 1000;

    private static string Invariant(FormattableString text) => FormattableString.Invariant(text);

    [GeneratedRegex(@"^(auto|cpu|cuda(:\d{1,3})?)$")]
    private static partial Regex DeviceName();

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
