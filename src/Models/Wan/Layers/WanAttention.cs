using StreamDiff.Models.KvCache;
using StreamDiff.Models.Native;
using StreamDiff.Models.Weights;
using static TorchSharp.torch;

namespace StreamDiff.Models.Wan.Layers;

/// <summary>
/// The projections that self- and cross-attention share: queries and keys are RMS-normalised over the full width before they are split into
/// heads.
/// </summary>
internal sealed class WanAttention(WanConfig config, WeightLoader weights)
{
    private readonly Linear _q = new(weights.In("q"), config.Dim, config.Dim);
    private readonly Linear _k = new(weights.In("k"), config.Dim, config.Dim);
    private readonly Linear _v = new(weights.In("v"), config.Dim, config.Dim);
    private readonly Linear _o = new(weights.In("o"), config.Dim, config.Dim);
    private readonly Tensor _normQ = weights.Take("norm_q.weight", config.Dim);
    private readonly Tensor _normK = weights.Take("norm_k.weight", config.Dim);

    /// <summary>[rows, tokens, heads, head_dim].</summary>
    public Tensor Queries(Tensor x) => Heads(Ops.RmsNorm(_q.Forward(x), _normQ, config.Epsilon));

    public Tensor Keys(Tensor x) => Heads(Ops.RmsNorm(_k.Forward(x), _normK, config.Epsilon));

    public Tensor Values(Tensor x) => Heads(_v.Forward(x));

    /// <summary>Joins [rows, tokens, dim].</summary>
    public Tensor Output(Tensor x) => _o.Forward(x);

    private Tensor Heads(Tensor x) => x.view(x.size(0), x.size(1), config.Heads, config.HeadDim);

    /// <summary>Self-attention over a chunk and whatever it may see before it. x is [rows, tokens, dim].</summary>
    public Tensor Self(Tensor x, TickContext tick, int block)
    {
        using var scope = NewDisposeScope();
        var q = RotaryEmbedding3D.Rotate(Queries(x), tick.QueryTurns);
        var k = RotaryEmbedding3D.Rotate(Keys(x), tick.KeyTurns);
        return Output(tick.Attention.Attend(q, k, Values(x), block)).MoveToOuterDisposeScope();
    }

    /// <summary>Cross-attention to prompts, the padding included. Rows that share a prompt are one long row.</summary>
    /// <param name="x">[rows, tokens, dim].</param>
    /// <param name="prompts">What the rows follow.</param>
    /// <param name="block">Index of the block in its range.</param>
    public Tensor Cross(Tensor x, RowPrompts prompts, int block)
    {
        using var scope = NewDisposeScope();
        var queries = Queries(x);
        var attended = new Tensor[prompts.Groups.Count];
        for (var i = 0; i < attended.Length; i++)
        {
            var (first, rows, prompt) = prompts.Groups[i];
            var (keys, values) = prompt.Block(block);
            var q = rows is { } count ? queries.narrow(0, first, count) : queries;
            q = q.reshape(keys.size(0), -1, config.Heads, config.HeadDim).transpose(1, 2);
            attended[i] = nn.functional.scaled_dot_product_attention(q, keys, values).transpose(1, 2).reshape(-1, x.size(1), config.Dim);
        }
        return Output(attended.Length == 1 ? attended[0] : cat(attended)).MoveToOuterDisposeScope();
    }
}
