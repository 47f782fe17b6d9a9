using StreamDiff.Models.Weights;
using TorchSharp;
using TorchSharp.Modules;
using static TorchSharp.torch;
using F = TorchSharp.torch.nn.functional;

namespace StreamDiff.Models.Wan.Layers;

/// <summary>One transformer block of Wan 2.1: modulated self-attention, cross-attention, modulated feed-forward.</summary>
internal sealed class WanBlock
{
    private readonly WanConfig _config;
    private readonly WanAttention _self;
    private readonly WanAttention _cross;
    private readonly Linear _ffn0;
    private readonly Linear _ffn2;
    private readonly Tensor _norm3Weight;
    private readonly Tensor _norm3Bias;
    private readonly Tensor _modulation;
    private readonly bool _inFloat8;

    /// <param name="config">Sizes.</param>
    /// <param name="weights">Those of this block.</param>
    /// <param name="index">Index in the whole network.</param>
    public WanBlock(WanConfig config, WeightLoader weights, int index)
    {
        _config = config;
        _inFloat8 = config.IsInFloat8(index);
        _self = new WanAttention(config, weights.In("self_attn"), _inFloat8);
        _cross = new WanAttention(config, weights.In("cross_attn"), _inFloat8);
        _ffn0 = new Linear(weights.In("ffn.0"), config.Dim, config.FfnDim, _inFloat8);
        _ffn2 = new Linear(weights.In("ffn.2"), config.FfnDim, config.Dim, _inFloat8);
        _norm3Weight = weights.Take("norm3.weight", config.Dim);
        _norm3Bias = weights.Take("norm3.bias", config.Dim);
        _modulation = weights.As(ScalarType.Float32).Take("modulation", 1, 6, config.Dim);
    }

    /// <summary>Keys and values of prompts' embeddings [prompts, text length, dim], as [prompts, text length, heads, head_dim].</summary>
    public (Tensor Keys, Tensor Values) PromptKeysValues(Tensor text) => (_cross.Keys(text), _cross.Values(text));

    /// <summary>x is [rows, tokens, dim]; without gradients it is overwritten and returned.</summary>
    public Tensor Forward(Tensor x, TickContext tick, int block, RowPrompts prompts)
    {
        using var scope = NewDisposeScope();
        var e = tick.Modulation.add(_modulation, Scalars.One).to_type(x.dtype).unbind(2);
        var given = x;
        x = Residual.Add(x, _self.Self(Modulate(x, e[0], e[1]), tick, block), e[2]);
        x = Residual.Add(x, _cross.Cross(F.layer_norm(x, [_config.Dim], _norm3Weight, _norm3Bias, _config.Epsilon), prompts, block));
        x = Residual.Add(x, FeedForward(Modulate(x, e[3], e[4])), e[5]);
        return Residual.Result(x, given);
    }

    /// <summary>The same with own kernels and without gradients.</summary>
    /// <param name="x">The tokens, changed in place; what this block adds last is added with the next norm.</param>
    /// <param name="attention">Where keys and values go, and what is attended to.</param>
    /// <param name="block">Index of the block in its range.</param>
    /// <param name="prompts">What the rows follow.</param>
    public void Forward(FusedTokens x, IFusedAttention attention, int block, RowPrompts prompts)
    {
        using var scope = NewDisposeScope();
        x.InFloat8 = _inFloat8;
        x.Add(_self.Self(x, x.Modulated(_modulation, shift: 0, scale: 1), attention, block), _modulation, gate: 2);
        x.Add(_cross.Cross(x, x.Normed(_norm3Weight, _norm3Bias), prompts, attention, block));
        var input = x.Modulated(_modulation, shift: 3, scale: 4);
        var hidden = _inFloat8
            ? x.Ready(_ffn0.Forward(input, x.Type), gelu: true)
            : _ffn0.ForwardGelu(input.Values);
        x.Add(_ffn2.Forward(hidden, x.Type), _modulation, gate: 5);
    }

    private Tensor Modulate(Tensor x, Tensor shift, Tensor scale)
    {
        using var scope = NewDisposeScope();
        var normal = F.layer_norm(x, [_config.Dim], eps: _config.Epsilon);
        return Residual.Modulate(normal, shift, scale).MoveToOuterDisposeScope();
    }

    private Tensor FeedForward(Tensor x)
    {
        using var scope = NewDisposeScope();
        return _ffn2.Forward(F.gelu(_ffn0.Forward(x), GELU.Approximate.tanh)).MoveToOuterDisposeScope();
    }
}
