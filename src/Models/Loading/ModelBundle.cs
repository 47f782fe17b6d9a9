using StreamDiff.Models.Native;
using StreamDiff.Models.Registry;
using StreamDiff.Models.Text;
using StreamDiff.Models.Vae;
using StreamDiff.Models.Wan;
using StreamDiff.Models.Wan.Layers;
using StreamDiff.Models.Weights;
using TorchSharp;
using static TorchSharp.torch;

namespace StreamDiff.Models.Loading;

/// <summary>The networks of one model on one device: one copy of the weights, whatever the number of streams.</summary>
public sealed class ModelBundle : IDisposable
{
    private readonly Model _model;

    private ModelBundle(Model model, CausalWanModel transformer, IVae vae)
    {
        _model = model;
        Transformer = transformer;
        Vae = vae;
    }

    public ModelConfig Config => _model.Config;

    /// <summary>The model's name.</summary>
    public string Name => _model.Name;

    public CausalWanModel Transformer { get; }

    public IVae Vae { get; }

    /// <summary>Loads transformer and VAE.</summary>
    /// <param name="model">From the catalog.</param>
    /// <param name="vae">taehv or wan; null for the model's default.</param>
    /// <param name="device">Where to compute.</param>
    /// <param name="type">float32 or bfloat16.</param>
    /// <exception cref="ModelException">A file is missing, damaged, or does not fit.</exception>
    public static ModelBundle Load(Model model, string? vae, Device device, ScalarType type)
    {
        var transformer = LoadTransformer(model, device, type);
        try
        {
            return new ModelBundle(model, transformer, LoadVae(model, vae ?? model.Config.Vae.Default, device, type));
        }
        catch
        {
            transformer.Dispose();
            throw;
        }
    }

    /// <summary>
    /// What a prompt means to the transformer. The text encoder is loaded for it and let go: it may be larger than everything else.
    /// </summary>
    /// <param name="prompt">As the user wrote it.</param>
    /// <param name="truncated">True when the prompt was too long and its end has no effect.</param>
    public PromptContext EncodePrompt(string prompt, out bool truncated)
    {
        using var scope = NewDisposeScope();
        using var encoder = LoadTextEncoder();
        var (embeddings, cut) = encoder.Encode(prompt);
        truncated = cut;
        return Transformer.EncodePrompt(embeddings);
    }

    /// <summary>The same.</summary>
    /// <param name="prompt">As the user wrote it.</param>
    /// <param name="read">Told what the model makes of it.</param>
    public PromptContext EncodePrompt(string prompt, Action<PromptReading> read)
    {
        using var scope = NewDisposeScope();
        using var encoder = LoadTextEncoder();
        var (embeddings, reading) = encoder.Read(prompt);
        read(reading);
        return Transformer.EncodePrompt(embeddings);
    }

    /// <summary>The text encoder by itself, for sessions whose prompt changes.</summary>
    public TextEncoder LoadTextEncoder() => LoadTextEncoder(_model, Transformer.Device, Transformer.Type);

    /// <summary>The text encoder of a model whose transformer is elsewhere.</summary>
    public static TextEncoder LoadTextEncoder(Model model, Device device, ScalarType type)
    {
        using var weights = Open(model, model.Config.Weights.TextEncoder, StateDictRule.AsStored);
        return TextEncoder.Load(model.PathOf(model.Config.Weights.Tokenizer, out _)!, model.Config.Dit.TextLen,
            TextEncoderConfig(model.Config), weights, device, type, model.Config.Styles);
    }

    public void Dispose()
    {
        Transformer.Dispose();
        Vae.Dispose();
    }

    /// <summary>The transformer's sizes as the networks take them.</summary>
    public static WanConfig TransformerConfig(ModelConfig config) => new()
    {
        Dim = config.Dit.Dim,
        FfnDim = config.Dit.FfnDim,
        Heads = config.Dit.NumHeads,
        Blocks = config.Dit.NumLayers,
        InChannels = config.Dit.InDim,
        OutChannels = config.Dit.OutDim,
        TextDim = config.Dit.TextDim,
        TextLength = config.Dit.TextLen,
        FrequencyDim = config.Dit.FreqDim,
        Epsilon = config.Dit.Eps,
    };

    /// <summary>The text encoder's sizes as the network takes them.</summary>
    public static Umt5Config TextEncoderConfig(ModelConfig config) => new()
    {
        Vocabulary = config.TextEncoder.Vocab,
        Dim = config.TextEncoder.Dim,
        AttentionDim = config.TextEncoder.DimAttn,
        FfnDim = config.TextEncoder.DimFfn,
        Heads = config.TextEncoder.NumHeads,
        Layers = config.TextEncoder.NumLayers,
        Buckets = config.TextEncoder.NumBuckets,
        SharedPositions = config.TextEncoder.SharedPos,
    };

    /// <summary>The sizes of the tiny autoencoder as the network takes them.</summary>
    /// <exception cref="ModelException">The model has none.</exception>
    public static TaehvConfig TaehvConfig(ModelConfig config) =>
        config.Vae.Taehv is { } sizes
            ? new TaehvConfig
            {
                EncoderWidths = sizes.EncoderWidths,
                DecoderWidths = sizes.DecoderWidths,
                LatentChannels = config.Dit.InDim,
                Steady = sizes.Steady,
                PatchSize = sizes.PatchSize,
            }
            : throw new ModelException("the model has no tiny autoencoder (vae.taehv)");

    private static CausalWanModel LoadTransformer(Model model, Device device, ScalarType type)
    {
        RequireRoom(model, device, type);
        using var weights = OpenTransformer(model);
        return CausalWanModel.Load(TransformerConfig(model.Config), .., weights, device, type);
    }

    // Of random weights, which no file bounds: before the first of a million tensors is made, not when the memory is full.
    private static void RequireRoom(Model model, Device device, ScalarType type)
    {
        if (device.type != DeviceType.CPU || !WeightFiles.IsRandom(model.Config.Weights.Dit, out _))
            return;
        var (dit, size) = (model.Config.Dit, type == ScalarType.Float32 ? sizeof(float) : sizeof(short));
        // Eight square matrices of attention and two of the feed-forward part.
        var block = HostMemory.Product(size, dit.Dim, 8L * dit.Dim + 2L * dit.FfnDim);
        HostMemory.Require(
            HostMemory.Product(dit.NumLayers, block), $"a transformer of {dit.NumLayers} layers of {dit.Dim} and {dit.FfnDim}");
    }

    /// <summary>The transformer's checkpoint, for ranks that load a part of it.</summary>
    /// <exception cref="ModelException">It is missing or damaged.</exception>
    public static IWeightSource OpenTransformer(Model model) => Open(model, model.Config.Weights.Dit, StateDictRule.Transformer);

    /// <summary>A VAE by itself.</summary>
    /// <exception cref="ModelException">The model has none of that name, or its file is missing or damaged.</exception>
    public static IVae LoadVae(Model model, string name, Device device, ScalarType type)
    {
        var config = model.Config;
        switch (name)
        {
            case "taehv" when config.Vae.Taehv is not null && config.Weights.Taehv is { } file:
                using (var weights = Open(model, file, StateDictRule.AsStored))
                    return Taehv.Load(TaehvConfig(config), weights, device, type);
            case "wan" when config.Vae.Wan is { } sizes && config.Weights.Wan is { } file:
                var wan = new WanVaeConfig
                {
                    Dim = sizes.Dim,
                    LatentChannels = sizes.ZDim,
                    Multipliers = sizes.DimMult,
                    ResidualBlocks = sizes.NumResBlocks,
                    TimeDownsample = sizes.TemporalDownsample,
                    Mean = sizes.Mean,
                    Deviation = sizes.Std,
                };
                using (var weights = Open(model, file, StateDictRule.AsStored))
                    return WanVae.Load(wan, weights, device, type);
            default:
                throw new ModelException($"{model.Name} has no VAE named {name} (it has: {string.Join(", ", config.Vae.Names)})");
        }
    }

    private static IWeightSource Open(Model model, string weights, StateDictRule rule)
    {
        var path = model.PathOf(weights, out var seed);
        if (path is null)
            return new RandomWeightSource(seed);
        if (!File.Exists(path) && !Directory.Exists(path))
            throw new ModelException($"{path} is missing: run 'streamdiff models pull {model.Name}'");
        return CheckpointFile.Open(path, rule);
    }
}
