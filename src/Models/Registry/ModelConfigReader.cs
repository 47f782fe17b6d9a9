using System.Text.Json;
using StreamDiff.Models.Files;
using StreamDiff.Models.Text;

namespace StreamDiff.Models.Registry;

/// <summary>Reads <c>model.json</c> strictly: unknown and missing keys and impossible sizes are one error that lists them all.</summary>
public static class ModelConfigReader
{
    private const int LargestFile = 4 << 20;
    private const int MostTold = 20;

    // Sizes beyond all networks of this kind: a wrong digit is told of before anything is made of it.
    private const int MostWide = 1 << 18;
    private const int MostLayers = 1024;
    private const int MostFrames = 4096;
    private const int MostSide = 16384;

    private static readonly JsonDocumentOptions Format = new() { CommentHandling = JsonCommentHandling.Skip, AllowTrailingCommas = true };

    /// <exception cref="ModelException">The file cannot be read or is not a model's description; names the file and each key.</exception>
    public static ModelConfig Read(string file)
    {
        using var document = Parse(file);
        var problems = new List<string>();
        var config = WithTexts(file, () => Read(new JsonSection(document.RootElement, "", problems)));
        if (problems.Count == 0)
            Check(config, problems);
        return problems.Count == 0 ? config : throw Problems(file, problems);
    }

    /// <summary>All problems of a file in one line that can be read.</summary>
    internal static ModelException Problems(string file, List<string> problems)
    {
        var more = problems.Count > MostTold ? $"; and {problems.Count - MostTold} more" : "";
        return new ModelException($"{file}: {string.Join("; ", problems.Take(MostTold))}{more}");
    }

    /// <summary>Reads; names of keys that are half surrogate pairs are told of as damage.</summary>
    internal static T WithTexts<T>(string file, Func<T> read)
    {
        try
        {
            return read();
        }
        catch (InvalidOperationException e)
        {
            throw new ModelException($"{file} holds a text that is not Unicode", e);
        }
    }

    internal static JsonDocument Parse(string file)
    {
        try
        {
            return JsonDocument.Parse(BoundedFile.Read(file, LargestFile), Format);
        }
        catch (JsonException e)
        {
            throw new ModelException($"{file} is not valid JSON (line {e.LineNumber + 1}, column {e.BytePositionInLine + 1})", e);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new ModelException($"cannot read {file}: {e.Message}", e);
        }
    }

    private static ModelConfig Read(JsonSection root)
    {
        var config = new ModelConfig
        {
            Description = root.String("description"),
            Dit = ReadDit(root.Section("dit")),
            TextEncoder = ReadTextEncoder(root.Section("text_encoder")),
            Vae = ReadVae(root.Section("vae")),
            Diffusion = ReadDiffusion(root.Section("diffusion")),
            KvCache = ReadKvCache(root.Section("kv_cache")),
            DefaultSize = ReadSize(root.Section("default_size")),
            Weights = ReadWeights(root.Section("weights")),
            Modes = root.OptionalStrings("modes") ?? ModelConfig.AllModes,
            Styles = root.OptionalSection("styles") is { } styles ? ReadStyles(styles) : null,
        };
        root.Finish();
        return config;
    }

    private static DitConfig ReadDit(JsonSection s)
    {
        var dit = new DitConfig
        {
            Dim = s.Int("dim", max: MostWide),
            FfnDim = s.Int("ffn_dim", max: MostWide),
            NumHeads = s.Int("num_heads", max: MostLayers),
            NumLayers = s.Int("num_layers", max: MostLayers),
            InDim = s.Int("in_dim", max: MostWide),
            OutDim = s.Int("out_dim", max: MostWide),
            TextDim = s.Int("text_dim", max: MostWide),
            TextLen = s.Int("text_len", max: MostWide),
            FreqDim = s.Int("freq_dim", max: MostWide),
            Eps = s.Double("eps", 0, 1),
            PatchSize = s.Ints("patch_size", count: 3, max: MostLayers),
        };
        s.Finish();
        return dit;
    }

    private static TextEncoderConfig ReadTextEncoder(JsonSection s)
    {
        var text = new TextEncoderConfig
        {
            Vocab = s.Int("vocab", max: 1 << 24),
            Dim = s.Int("dim", max: MostWide),
            DimAttn = s.Int("dim_attn", max: MostWide),
            DimFfn = s.Int("dim_ffn", max: MostWide),
            NumHeads = s.Int("num_heads", max: MostLayers),
            NumLayers = s.Int("num_layers", max: MostLayers),
            NumBuckets = s.Int("num_buckets", max: MostWide),
            SharedPos = s.Bool("shared_pos"),
        };
        s.Finish();
        return text;
    }

    private static VaeConfig ReadVae(JsonSection s)
    {
        var vae = new VaeConfig
        {
            Default = s.String("default"),
            Taehv = s.OptionalSection("taehv") is { } taehv ? ReadTaehv(taehv) : null,
            Wan = s.OptionalSection("wan") is { } wan ? ReadWanVae(wan) : null,
        };
        s.Finish();
        return vae;
    }

    private static TaehvSizes ReadTaehv(JsonSection s)
    {
        var taehv = new TaehvSizes
        {
            EncoderWidths = s.Ints("encoder_widths", count: 4, max: MostWide),
            DecoderWidths = s.Ints("decoder_widths", count: 4, max: MostWide),
            Steady = s.OptionalDouble("steady", 0, 64) ?? 0,
            PatchSize = s.OptionalInt("patch_size", max: 2) ?? 1,
        };
        s.Finish();
        return taehv;
    }

    private static WanVaeSizes ReadWanVae(JsonSection s)
    {
        var channels = s.Int("z_dim", max: MostWide);
        var multipliers = s.Ints("dim_mult", max: MostLayers);
        var wan = new WanVaeSizes
        {
            Dim = s.Int("dim", max: MostWide),
            ZDim = channels,
            DimMult = multipliers,
            NumResBlocks = s.Int("num_res_blocks", max: MostLayers),
            TemporalDownsample = s.Bools("temporal_downsample", multipliers.Count - 1),
            Mean = s.Doubles("mean", channels),
            Std = s.Doubles("std", channels),
        };
        s.Finish();
        return wan;
    }

    private static DiffusionConfig ReadDiffusion(JsonSection s)
    {
        var diffusion = new DiffusionConfig
        {
            Shift = s.Double("shift", 0.001, 1000),
            TrainTimesteps = s.Int("train_timesteps", max: 1_000_000),
            DenoisingSteps = s.Ints("denoising_steps", min: 0, max: 1_000_000),
            LatentFramesPerChunk = s.Int("latent_frames_per_chunk", max: MostFrames),
            NoiseScale = s.Double("noise_scale", 0, 1),
            NoiseRange = s.Double("noise_range", 0, 1),
            NoiseReference = s.Double("noise_reference", 1e-6, 2),
            NoiseMomentum = s.Double("noise_momentum", 0, 1),
            TimestepOffset = s.Int("timestep_offset", min: 0, max: 1_000_000),
            UsefulNoiseScale = s.OptionalRange("useful_noise_scale", 0.1, 1),
            UsefulSteps = s.OptionalRange("useful_steps", 1, 4),
        };
        s.Finish();
        return diffusion;
    }

    private static KvCacheConfig ReadKvCache(JsonSection s)
    {
        var cache = new KvCacheConfig
        {
            WindowFrames = s.Int("window_frames", max: MostFrames),
            SinkFrames = s.Int("sink_frames", min: 0, max: MostFrames),
            SinkThreshold = s.Double("sink_threshold", -1, 1),
        };
        s.Finish();
        return cache;
    }

    private static PictureSize ReadSize(JsonSection s)
    {
        var size = new PictureSize(s.Int("width", min: 64, max: MostSide), s.Int("height", min: 64, max: MostSide));
        s.Finish();
        return size;
    }

    private static StyleList ReadStyles(JsonSection s)
    {
        var styles = new StyleList
        {
            Known = [.. s.Sections("known").Select(ReadStyle)],
            Modifiers = [.. s.OptionalSections("modifiers").Select(ReadStyle)],
            Plain = s.Strings("plain"),
        };
        s.Finish();
        return styles;
    }

    private static StyleWords ReadStyle(JsonSection s)
    {
        var style = new StyleWords(s.String("name"), s.Strings("words"));
        s.Finish();
        return style;
    }

    private static WeightFiles ReadWeights(JsonSection s)
    {
        var weights = new WeightFiles
        {
            Dit = s.String("dit"),
            TextEncoder = s.String("text_encoder"),
            Tokenizer = s.String("tokenizer"),
            Taehv = s.OptionalString("taehv"),
            Wan = s.OptionalString("wan"),
        };
        s.Finish();
        return weights;
    }

    // What no single key shows: numbers that do not fit each other.
    private static void Check(ModelConfig c, List<string> problems)
    {
        Require(
            c.Dit.Dim % c.Dit.NumHeads == 0 && c.Dit.Dim / c.Dit.NumHeads % 2 == 0, "dit.dim must be an even multiple of dit.num_heads");
        Require(c.Dit.FreqDim % 2 == 0, "dit.freq_dim must be even");
        Require(
            c.Dit.TextDim == c.TextEncoder.Dim, $"dit.text_dim ({c.Dit.TextDim}) and text_encoder.dim ({c.TextEncoder.Dim}) must be equal");
        Require(c.TextEncoder.DimAttn % c.TextEncoder.NumHeads == 0, "text_encoder.dim_attn must be a multiple of text_encoder.num_heads");
        Require(c.Vae.Names.Contains(c.Vae.Default),
            $"vae.default is {c.Vae.Default}, but the model offers {(c.Vae.Names.Count == 0 ? "no vae" : string.Join(", ", c.Vae.Names))}");
        Require(c.Vae.Wan is null || c.Vae.Wan.ZDim == c.Dit.InDim, "vae.wan.z_dim and dit.in_dim must be equal");
        Require((c.Vae.Taehv is null) == (c.Weights.Taehv is null), "vae.taehv and weights.taehv must both be there or both be absent");
        Require((c.Vae.Wan is null) == (c.Weights.Wan is null), "vae.wan and weights.wan must both be there or both be absent");
        Require(c.DefaultSize.Width % 16 == 0 && c.DefaultSize.Height % 16 == 0, "default_size must be multiples of 16");
        Require(c.KvCache.SinkFrames < c.KvCache.WindowFrames, "kv_cache.sink_frames must be less than kv_cache.window_frames");
        Require(c.Diffusion.DenoisingSteps.Zip(c.Diffusion.DenoisingSteps.Skip(1)).All(p => p.First > p.Second)
            && c.Diffusion.DenoisingSteps[0] <= c.Diffusion.TrainTimesteps,
                "diffusion.denoising_steps must fall, from train_timesteps at most");
        Require(c.Diffusion.NoiseRange <= c.Diffusion.NoiseScale, "diffusion.noise_range must not be larger than diffusion.noise_scale");
        Require(c.Modes.All(ModelConfig.AllModes.Contains), $"modes must be of {string.Join(", ", ModelConfig.AllModes)}");
        Require(c.Diffusion.UsefulNoiseScale?.Holds(c.Diffusion.NoiseScale) ?? true,
            "diffusion.noise_scale must lie in diffusion.useful_noise_scale");
        CheckStyles(c.Styles);
        foreach (var (key, value) in c.Weights.All())
            Require(IsWeightPath(value), $"weights.{key} must be a path below the weights folder, or random:SEED");

        void CheckStyles(StyleList? styles)
        {
            if (styles is null)
                return;
            Require(styles.Known.Count > 0, "styles.known must hold one style at least");
            foreach (var word in styles.All.SelectMany(k => k.Words).GroupBy(w => w, StringComparer.OrdinalIgnoreCase)
                .Where(g => g.Count() > 1))
                problems.Add($"styles.known or styles.modifiers has '{word.Key}' several times");
            foreach (var style in styles.All)
                Require(style.Words.All(Text.PromptVocabulary.IsWord), $"the words of style {style.Name} must hold letters or digits");
        }

        void Require(bool holds, string problem)
        {
            if (!holds)
                problems.Add(problem);
        }
    }

    private static bool IsWeightPath(string value) =>
        value.StartsWith("random:", StringComparison.Ordinal) ? WeightFiles.IsRandom(value, out _) : RelativePath.IsInside(value);
}
