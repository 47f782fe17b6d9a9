using System.Text;
using StreamDiff.Models.Cuda;
using StreamDiff.Models.KvCache;
using StreamDiff.Models.Wan.Layers;
using static TorchSharp.torch;

namespace StreamDiff.Models.Wan.Fused;

/// <summary>
/// Ticks on one pool of caches with own kernels. A tick of a kind seen before is recorded, and from then on replayed: one launch instead of
/// some hundred. A tick whose lanes have not met often enough is replayed in pieces, attention to its lanes being called between them
/// (piecewise graphs, as vLLM calls them). Belongs to the thread of the pool's ticks.
/// </summary>
internal sealed class PoolTicks(
    TokenKernels kernels, KvCachePool pool, WanConfig config, Device device, ScalarType type, TickStatistics statistics) : IDisposable
{
    // A stream has a handful of kinds: rows 1 to its steps, while the window fills and when it is full, prompts alike or not. Sessions in
    // company have very many, by which of them meet, of few forms.
    private const int MostRecordings = 24;
    private const int FreelyRecorded = 8;
    private const int PatienceForKinds = 4;

    // A stream by itself has left the kinds of its beginning before that.
    private const int SightingsOfForm = 8;
    private const int PatienceForForms = 1;

    private readonly CachedSelfAttention _attention = new(kernels);
    private readonly Dictionary<TickShape, TickBuffers> _buffers = [];
    private readonly Recordings _whole = new(kernels.Kernels, statistics, MostRecordings, sightings: 2, FreelyRecorded, PatienceForKinds);
    private readonly Recordings _inPieces =
        new(kernels.Kernels, statistics, MostRecordings, SightingsOfForm, FreelyRecorded, PatienceForForms);
    private readonly List<PromptContext> _prompts = [];
    private readonly List<PromptContext> _inSlots = [];

    /// <summary>Runs a tick through the blocks.</summary>
    /// <param name="tokens">[rows, tokens, dim], contiguous; overwritten.</param>
    /// <param name="plan">Made by the pool.</param>
    /// <param name="modulation">float32 [rows, 1, 6, dim].</param>
    /// <param name="firstFrames">Position in time of each row's first frame.</param>
    /// <param name="rotary">Rotations.</param>
    /// <param name="space">Rotations by the place in a frame, complex64 [frame tokens, pairs].</param>
    /// <param name="prompts">What the rows follow.</param>
    /// <param name="blocks">The range.</param>
    public void Run(
        Tensor tokens, TickPlan plan, Tensor modulation, long[] firstFrames, RotaryEmbedding3D rotary, Tensor space, RowPrompts prompts,
        IReadOnlyList<WanBlock> blocks)
    {
        using var scope = NewDisposeScope();
        var geometry = pool.Geometry;
        var shape = new TickShape(plan.Rows.Length, plan.Tokens, plan.Tokens / geometry.FrameTokens, blocks.Count, plan.Places.Outcomes,
            geometry.WindowFrames, geometry.SinkFrames, rotary.TimeWidth / 2, plan.Streaming?.Frames ?? 0);
        if (!_buffers.TryGetValue(shape, out var buffers))
            _buffers[shape] = buffers = new TickBuffers(kernels.Kernels, kernels, shape, config, device, type);
        buffers.Write(plan, pool, rotary, firstFrames);
        buffers.Tokens.copy_(tokens.view(-1, config.Dim));
        buffers.Modulation.copy_(modulation);

        var turns = new Turns(space, buffers.Times, pool.Rotation == KeyRotation.Published ? buffers.Times : 0, geometry.FrameTokens);
        if (kernels.Kernels.WhyNotRecorded is not null)
            Issue(prompts, inPieces: false);
        else
        {
            var held = Hold(prompts);
            var form = Form(plan, prompts);
            if (_whole.Replay($"{form}{Lanes(plan)}", () => Issue(held, inPieces: false)))
                statistics.Replayed++;
            else if (_inPieces.Replay(form, () => Issue(held, inPieces: true)))
                statistics.InPieces++;
            else
                Issue(held, inPieces: false);
        }
        if (plan.ChecksSinks)
            plan.Refreshes(buffers.Outcome());
        statistics.Ticks++;
        tokens.view(-1, config.Dim).copy_(buffers.Tokens);

        void Issue(RowPrompts followed, bool inPieces)
        {
            using var through = new FusedTokens(
                kernels, buffers.Tokens, buffers.Normal, buffers.Narrow, buffers.Modulation, config.Dim, plan.Tokens);
            var attention = new FusedAttention(kernels, buffers, shape, pool, plan, turns, _attention, inPieces);
            for (var block = 0; block < blocks.Count; block++)
                blocks[block].Forward(through, attention, block, followed);
            through.Finish();
        }
    }

    /// <summary>Forgets all recordings and buffers: the pool's blocks have changed.</summary>
    public void Reset()
    {
        _whole.Clear();
        _inPieces.Clear();
        foreach (var buffers in _buffers.Values)
            buffers.Dispose();
        _buffers.Clear();
        foreach (var prompt in _prompts)
            prompt.Dispose();
        _prompts.Clear();
        _inSlots.Clear();
    }

    public void Dispose() => Reset();

    // A recording reads prompts where they lay: they are copied to places that stay, when they have changed.
    private RowPrompts Hold(RowPrompts prompts)
    {
        var groups = new List<PromptGroup>(prompts.Groups.Count);
        for (var i = 0; i < prompts.Groups.Count; i++)
        {
            var group = prompts.Groups[i];
            if (i == _prompts.Count)
            {
                _prompts.Add(group.Prompt.Copy());
                _inSlots.Add(group.Prompt);
            }
            else if (!ReferenceEquals(_inSlots[i], group.Prompt))
            {
                _prompts[i].CopyFrom(group.Prompt);
                _inSlots[i] = group.Prompt;
            }
            groups.Add(group with { Prompt = _prompts[i] });
        }
        return new RowPrompts(groups);
    }

    // Everything that decides which launches a tick has and where they read and write, but for what lies in the buffers and for the lanes,
    // which attention alone has to know. What streaming heads hold follows from what the others do, and how heads are split is the pool's.
    private static string Form(TickPlan plan, RowPrompts prompts)
    {
        var form = new StringBuilder();
        form.Append(plan.Rows.Length).Append(' ').Append(plan.Tokens).Append(' ').Append(plan.Places.Outcomes);
        form.Append(plan.ChecksSinks ? " c" : " -");
        foreach (var group in prompts.Groups)
            form.Append(" p").Append(group.FirstRow).Append('+').Append(group.Rows ?? 0);
        return form.ToString();
    }

    private static string Lanes(TickPlan plan)
    {
        var lanes = new StringBuilder();
        foreach (var group in plan.Groups)
            lanes.Append(' ').Append(group.FirstLane).Append('+').Append(group.Rows).Append(':').Append(group.LocalEnd);
        return lanes.ToString();
    }
}
