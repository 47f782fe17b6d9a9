using StreamDiff.Models.Native;
using StreamDiff.Models.Weights;
using TorchSharp;
using TorchSharp.Modules;
using static TorchSharp.torch;
using F = TorchSharp.torch.nn.functional;

namespace StreamDiff.Models.Text;

/// <summary>One layer: self-attention and a gated feed-forward, each behind a norm and around a shortcut.</summary>
internal sealed class Umt5Block
{
    private readonly Umt5Config _config;
    private readonly Tensor _norm1;
    private readonly Tensor _norm2;
    private readonly Tensor _q;
    private readonly Tensor _k;
    private readonly Tensor _v;
    private readonly Tensor _o;
    private readonly Tensor _gate;
    private readonly Tensor _fc1;
    private readonly Tensor _fc2;
    private readonly RelativePositions? _positions;

    public Umt5Block(Umt5Config config, WeightLoader weights)
    {
        _config = config;
        _norm1 = weights.Take("norm1.weight", config.Dim);
        _norm2 = weights.Take("norm2.weight", config.Dim);
        _q = weights.Take("attn.q.weight", config.AttentionDim, config.Dim);
        _k = weights.Take("attn.k.weight", config.AttentionDim, config.Dim);
        _v = weights.Take("attn.v.weight", config.AttentionDim, config.Dim);
        _o = weights.Take("attn.o.weight", config.Dim, config.AttentionDim);
        _gate = weights.Take("ffn.gate.0.weight", config.FfnDim, config.Dim);
        _fc1 = weights.Take("ffn.fc1.weight", config.FfnDim, config.Dim);
        _fc2 = weights.Take("ffn.fc2.weight", config.Dim, config.FfnDim);
        if (!config.SharedPositions)
            _positions = new RelativePositions(config, weights.In("pos_embedding"));
    }

    /// <param name="x">[batch, tokens, dim].</param>
    /// <param name="closed">bool [batch, 1, 1, tokens], true where nothing may be attended to.</param>
    /// <param name="sharedBias">Position bias of all layers, or null where each has its own.</param>
    public Tensor Forward(Tensor x, Tensor closed, Tensor? sharedBias)
    {
        using var scope = NewDisposeScope();
        using Scalar least = Scalars.Kept(x.dtype == ScalarType.Float32 ? float.MinValue : -3.38e38f);
        var bias = (sharedBias ?? _positions!.Bias(x.size(1))).masked_fill(closed, least);
        x = x.add(Attend(Ops.RmsNorm(x, _norm1, _config.Epsilon), bias), Scalars.One);
        var normal = Ops.RmsNorm(x, _norm2, _config.Epsilon);
        var gated = F.linear(normal, _fc1).mul(F.gelu(F.linear(normal, _gate), GELU.Approximate.tanh));
        return x.add(F.linear(gated, _fc2), Scalars.One).MoveToOuterDisposeScope();
    }

    private Tensor Attend(Tensor x, Tensor bias)
    {
        var attended = Ops.Attention(Heads(F.linear(x, _q)), Heads(F.linear(x, _k)), Heads(F.linear(x, _v)), scale: 1, bias);
        return F.linear(attended.transpose(1, 2).flatten(2), _o);
    }

    private Tensor Heads(Tensor x) => x.view(x.size(0), x.size(1), _config.Heads, -1).transpose(1, 2);
}
