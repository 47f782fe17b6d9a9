using StreamDiff.Models.Native;
using StreamDiff.Models.Weights;
using static TorchSharp.torch;

namespace StreamDiff.Models.Wan.Layers;

/// <summary>
/// The projections that self- and cross-attention share: queries and keys are RMS-normalised over the full width before they are split into
/// heads.
/// </summary>
internal sealed class WanAttention
{
    private readonly WanConfig _config;
    private readonly SideBySide _projections;
    private readonly Linear _q;
    private readonly Linear _k;
    private readonly Linear _v;
    private readonly Linear _o;
    private readonly Tensor _normQ;
    private readonly Tensor _normK;

    public WanAttention(WanConfig config, WeightLoader weights, bool inFloat8)
    {
        _config = config;
        _projections = new SideBySide(weights, ["q", "k", "v"], config.Dim, config.Dim, inFloat8);
        (_q, _k, _v) = (_projections.Of(0), _projections.Of(1), _projections.Of(2));
        _o = new Linear(weights.In("o"), config.Dim, config.Dim, inFloat8);
        _normQ = weights.Take("norm_q.weight", config.Dim);
        _normK = weights.Take("norm_k.weight", config.Dim);
    }

    /// <summary>[rows, tokens, heads, head_dim].</summary>
    public Tensor Queries(Tensor x) => Heads(Ops.RmsNorm(_q.Forward(x), _normQ, _config.Epsilon));

    public Tensor Keys(Tensor x) => Heads(Ops.RmsNorm(_k.Forward(x), _normK, _config.Epsilon));

    public Tensor Values(Tensor x) => Heads(_v.Forward(x));

    /// <summary>Joins [rows, tokens, dim].</summary>
    public Tensor Output(Tensor x) => _o.Forward(x);

    private Tensor Heads(Tensor x) => x.view(x.size(0), x.size(1), _config.Heads, _config.HeadDim);

    /// <summary>Self-attention over a chunk and whatever it may see before it. x is [rows, tokens, dim].</summary>
    public Tensor Self(Tensor x, TickContext tick, int block)
    {
        using var scope = NewDisposeScope();
        var q = RotaryEmbedding3D.Rotate(Queries(x), tick.QueryTurns);
        var k = RotaryEmbedding3D.Rotate(Keys(x), tick.KeyTurns);
        return Output(tick.Attention.Attend(q, k, Values(x), block)).MoveToOuterDisposeScope();
    }

    /// <summary>The same with own kernels, of the tokens' last norm, [rows * tokens, dim].</summary>
    public Tensor Self(FusedTokens tokens, LayerInput x, IFusedAttention attention, int block)
    {
        using var scope = NewDisposeScope();
        var attended = attention.Attend(_projections.Forward(x, tokens.Type), _normQ, _normK, block);
        return _o.Forward(tokens.Ready(attended), tokens.Type).MoveToOuterDisposeScope();
    }

    /// <summary>Cross-attention to prompts, the padding included. Rows that share a prompt are one long row.</summary>
    /// <param name="x">[rows, tokens, dim].</param>
    /// <param name="prompts">What the rows follow.</param>
    /// <param name="block">Index of the block in its range.</param>
    public Tensor Cross(Tensor x, RowPrompts prompts, int block)
    {
        using var scope = NewDisposeScope();
        return Output(Cross(Queries(x), prompts.Groups, block)).MoveToOuterDisposeScope();
    }

    /// <summary>The same with own kernels, of the tokens' last norm, [rows * tokens, dim].</summary>
    public Tensor Cross(FusedTokens tokens, LayerInput x, RowPrompts prompts, IFusedAttention attention, int block)
    {
        using var scope = NewDisposeScope();
        var queries = attention.Queries(_q.Forward(x, tokens.Type), _normQ);
        var attended = Cross(queries, prompts.Groups, block).view(-1, _config.Dim);
        return _o.Forward(tokens.Ready(attended), tokens.Type).MoveToOuterDisposeScope();
    }

    // queries [rows, tokens, heads, head_dim] -> [rows, tokens, dim].
    private Tensor Cross(Tensor queries, IReadOnlyList<PromptGroup> groups, int block)
    {
        var attended = new Tensor[groups.Count];
        for (var i = 0; i < attended.Length; i++)
        {
            var (first, rows, prompt) = groups[i];
            var (keys, values) = prompt.Block(block);
            var q = rows is { } count ? queries.narrow(0, first, count) : queries;
            q = q.reshape(keys.size(0), -1, _config.Heads, _config.HeadDim).transpose(1, 2);
            attended[i] = nn.functional.scaled_dot_product_attention(q, keys, values).transpose(1, 2)
                .reshape(-1, queries.size(1), _config.Dim);
        }
        return attended.Length == 1 ? attended[0] : cat(attended);
    }
}
