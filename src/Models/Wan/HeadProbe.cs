using StreamDiff.Models.KvCache;
using StreamDiff.Models.Wan.Layers;
using TorchSharp;
using static TorchSharp.torch;

namespace StreamDiff.Models.Wan;

/// <summary>
/// Measures what each attention head would lose as a streaming head (see <see cref="HeadSplit"/>): for some ticks of a stream the network
/// is run once more for each head, with that head alone seeing no more than a streaming one, and its output compared.
/// </summary>
/// <param name="config">Sizes of the transformer.</param>
/// <param name="windowFrames">Window of the streams.</param>
/// <param name="sinkFrames">Frames at the window's start that a streaming head sees.</param>
/// <param name="recentFrames">Newest frames that it sees.</param>
/// <param name="every">Ticks with a full window of which one is measured: neighbours tell the same.</param>
public sealed class HeadProbe(WanConfig config, int windowFrames, int sinkFrames, int recentFrames, int every)
{
    private readonly double[,] _losses = new double[config.Blocks, config.Heads];
    private long _full;
    private int _most;

    /// <summary>Ticks measured.</summary>
    public int Measured { get; private set; }

    /// <summary>True when as many ticks are measured as <see cref="Begin"/> asked for.</summary>
    public bool HasEnough => Volatile.Read(ref _most) <= Measured;

    /// <summary>Another stream begins.</summary>
    /// <param name="ticks">How many of its ticks are measured at most.</param>
    public void Begin(int ticks) => (_full, _most) = (0, Measured + ticks);

    /// <summary>
    /// By block and head the relative error of the network's output, the root of its mean square over the ticks; 0 where a head loses
    /// nothing.
    /// </summary>
    public IReadOnlyList<IReadOnlyList<double>> Scores =>
        [.. Enumerable.Range(0, config.Blocks).Select(block => Enumerable.Range(0, config.Heads).Select(
            head => Math.Sqrt(_losses[block, head] / Math.Max(Measured, 1))).ToArray())];

    /// <summary>The heads that lose most hold the whole window, the others stream.</summary>
    /// <param name="keep">Share of heads that hold it, 0 to 1.</param>
    public HeadSplit Split(double keep)
    {
        var scores = Scores;
        var kept = (from block in Enumerable.Range(0, config.Blocks)
                    from head in Enumerable.Range(0, config.Heads)
                    orderby scores[block][head] descending, block, head
                    select (block, head)).Take((int)Math.Ceiling(keep * config.Blocks * config.Heads)).ToLookup(k => k.block, k => k.head);
        return new HeadSplit(
            windowFrames, sinkFrames, recentFrames, [.. Enumerable.Range(0, config.Blocks).Select(b => kept[b].Order().ToArray())]);
    }

    /// <summary>True where a tick is one to measure.</summary>
    internal bool Wants(TickPlan plan) => !HasEnough && Array.TrueForAll(plan.Steps, s => s.Full) && _full++ % every == 0;

    internal ISelfAttention Streaming(ISelfAttention whole, KvCachePool cache, TickPlan plan, int head) =>
        new OneStreaming(whole, cache, plan, head, sinkFrames, recentFrames);

    internal void Add(int block, int head, Tensor flow, Tensor with)
    {
        using var scope = NewDisposeScope();
        var ratio = with.sub(flow).norm().item<float>() / Math.Max(flow.norm().item<float>(), 1e-12);
        _losses[block, head] += ratio * ratio;
    }

    internal void Done() => Measured++;

    // One head of one block sees the window's first and newest frames.
    private sealed class OneStreaming(ISelfAttention whole, KvCachePool cache, TickPlan plan, int head, int first, int recent)
        : ISelfAttention
    {
        public Tensor Attend(Tensor q, Tensor k, Tensor v, int block)
        {
            using var scope = NewDisposeScope();
            var attended = whole.Attend(q, k, v, block);
            var heads = attended.view(attended.size(0), attended.size(1), q.size(2), -1);
            var (keys, values) = cache.Block(block);
            var tokens = cache.Geometry.FrameTokens;
            for (var row = 0; row < plan.Rows.Length; row++)
            {
                var frames = plan.Steps[row].LocalEnd / tokens;
                var places = plan.Places.Of(block, row, plan.Rows.Length, cache.Geometry.WindowFrames).ToArray();
                var seen = Enumerable.Range(0, frames).Where(s => s < first || places[s] >= frames - Math.Max(recent, plan.Tokens / tokens))
                    .SelectMany(s => Enumerable.Range(s * tokens, tokens)).Select(t => (long)t).ToArray();
                var index = tensor(seen, device: q.device);
                Tensor Of(Tensor cached) => cached[plan.Rows[row].Lane].select(1, head).index_select(0, index).unsqueeze(0).unsqueeze(0);
                heads[row].select(1, head).copy_(nn.functional.scaled_dot_product_attention(
                    q[row].select(1, head).unsqueeze(0).unsqueeze(0), Of(keys), Of(values))[0, 0]);
            }
            return attended.MoveToOuterDisposeScope();
        }
    }
}
