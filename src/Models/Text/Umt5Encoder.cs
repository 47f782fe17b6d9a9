using StreamDiff.Models.Native;
using StreamDiff.Models.Weights;
using TorchSharp;
using static TorchSharp.torch;

namespace StreamDiff.Models.Text;

/// <summary>
/// The encoder of UMT5 (arXiv 2304.09151): attention without scaling and with a relative position bias in every layer, gated GELU(tanh),
/// RMS norms.
/// Weights carry the names of the public models_t5_umt5-xxl-enc-bf16.pth.
/// </summary>
public sealed class Umt5Encoder : IDisposable
{
    private readonly Umt5Config _config;
    private readonly Tensor _embedding;
    private readonly Umt5Block[] _blocks;
    private readonly RelativePositions? _shared;
    private readonly Tensor _norm;
    private readonly WeightSet _weights;

    private Umt5Encoder(Umt5Config config, IWeightSource source, Device device, ScalarType type)
    {
        var loader = new WeightLoader(source, device, type);
        _config = config;
        Device = device;
        Type = type;
        _embedding = loader.Take("token_embedding.weight", config.Vocabulary, config.Dim);
        if (config.SharedPositions)
            _shared = new RelativePositions(config, loader.In("pos_embedding"));
        _blocks = new Umt5Block[config.Layers];
        for (var i = 0; i < _blocks.Length; i++)
            _blocks[i] = new Umt5Block(config, loader.In($"blocks.{i}"));
        _norm = loader.Take("norm.weight", config.Dim);
        _weights = loader.Complete();
    }

    public Device Device { get; }

    public ScalarType Type { get; }

    /// <summary>The weights, for an optimiser.</summary>
    public IReadOnlyList<Tensor> Weights => _weights.Tensors;

    /// <summary>Builds the encoder from its weights, strictly.</summary>
    /// <exception cref="WeightsException">The checkpoint does not fit.</exception>
    public static Umt5Encoder Load(Umt5Config config, IWeightSource source, Device device, ScalarType type) =>
        new(config, source, device, type);

    /// <summary>Prompt embeddings of one prompt, float32 [1, text length, dim]; rows of padding are zero.</summary>
    public Tensor Encode(PromptTokens tokens)
    {
        using var scope = NewDisposeScope();
        var ids = tensor(tokens.Ids, [1, tokens.Ids.Length], device: Device);
        var mask = arange(Scalars.Of(0), Scalars.Of(tokens.Ids.Length), Scalars.One, device: Device).lt(Scalars.Of(tokens.Length))
            .unsqueeze(0);
        return Encode(ids, mask).Embeddings.MoveToOuterDisposeScope();
    }

    /// <summary>Several prompts at once.</summary>
    /// <param name="ids">int64 [batch, tokens].</param>
    /// <param name="mask">[batch, tokens], true or non-zero for real tokens.</param>
    /// <returns>The last hidden states, and the same with padding zeroed, float32 [batch, tokens, dim] both.</returns>
    public (Tensor Hidden, Tensor Embeddings) Encode(Tensor ids, Tensor mask)
    {
        using var scope = NewDisposeScope();
        var (batch, tokens) = (ids.size(0), ids.size(1));
        var x = _embedding.index_select(0, ids.flatten()).view(batch, tokens, _config.Dim);
        var real = mask.to_type(ScalarType.Bool);
        var closed = real.logical_not().view(batch, 1, 1, tokens);
        var shared = _shared?.Bias(tokens);
        foreach (var block in _blocks)
            x = block.Forward(x, closed, shared);
        var hidden = Ops.RmsNorm(x, _norm, _config.Epsilon).to_type(ScalarType.Float32);
        var embeddings = hidden.mul(real.unsqueeze(-1));
        return (hidden.MoveToOuterDisposeScope(), embeddings.MoveToOuterDisposeScope());
    }

    public void Dispose() => _weights.Dispose();
}
