using System.Text;
using StreamDiff.Models.Cuda;
using StreamDiff.Models.KvCache;
using StreamDiff.Models.Wan.Layers;
using static TorchSharp.torch;

namespace StreamDiff.Models.Wan.Fused;

/// <summary>
/// Ticks on one pool of caches with own kernels. A tick of a kind seen before is recorded, and from then on replayed: one launch instead of
/// some hundred. Belongs to the thread of the pool's ticks.
/// </summary>
internal sealed class PoolTicks(
    TokenKernels kernels, KvCachePool pool, WanConfig config, Device device, ScalarType type, TickStatistics statistics) : IDisposable
{
    // A stream has a handful of kinds: rows 1 to its steps, while the window fills and when it is full, prompts alike or not.
    private const int MostRecordings = 24;
    private const int FreelyRecorded = 8;
    private const int MostSeen = 4096;

    private readonly CachedSelfAttention _attention = new(kernels);
    private readonly Dictionary<TickShape, TickBuffers> _buffers = [];
    private readonly Dictionary<string, (IRecording Recording, LinkedListNode<string> Age)> _recordings = [];
    private readonly LinkedList<string> _age = new();
    private readonly Dictionary<string, int> _seen = [];
    private readonly List<PromptContext> _prompts = [];
    private readonly List<PromptContext> _inSlots = [];

    /// <summary>Runs a tick through the blocks.</summary>
    /// <param name="tokens">[rows, tokens, dim].</param>
    /// <param name="plan">Made by the pool.</param>
    /// <param name="modulation">float32 [rows, 1, 6, dim].</param>
    /// <param name="firstFrames">Position in time of each row's first frame.</param>
    /// <param name="rotary">Rotations.</param>
    /// <param name="space">Rotations by the place in a frame, complex64 [frame tokens, pairs].</param>
    /// <param name="prompts">What the rows follow.</param>
    /// <param name="blocks">The range.</param>
    /// <returns>[rows, tokens, dim].</returns>
    public Tensor Run(
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
        var kind = Kind(plan, prompts);
        if (kernels.Kernels.WhyNotRecorded is not null)
            Issue(prompts);
        else
        {
            var held = Hold(prompts);
            if (!Replay(kind, () => Issue(held)))
                Issue(held);
        }
        if (plan.ChecksSinks)
            plan.Refreshes(buffers.Outcome());
        statistics.Ticks++;
        return buffers.Tokens.clone().view(tokens.shape).MoveToOuterDisposeScope();

        void Issue(RowPrompts followed)
        {
            using var through = new FusedTokens(
                kernels, buffers.Tokens, buffers.Normal, buffers.Narrow, buffers.Modulation, config.Dim, plan.Tokens);
            var attention = new FusedAttention(kernels, buffers, shape, pool, plan, turns, _attention);
            for (var block = 0; block < blocks.Count; block++)
                blocks[block].Forward(through, attention, block, followed);
            through.Finish();
        }
    }

    /// <summary>Forgets all recordings and buffers: the pool's blocks have changed.</summary>
    public void Reset()
    {
        foreach (var (recording, _) in _recordings.Values)
            Forget(recording);
        _recordings.Clear();
        _age.Clear();
        _seen.Clear();
        foreach (var buffers in _buffers.Values)
            buffers.Dispose();
        _buffers.Clear();
        foreach (var prompt in _prompts)
            prompt.Dispose();
        _prompts.Clear();
        _inSlots.Clear();
    }

    public void Dispose() => Reset();

    // Records what is seen for the second time: what is new to libtorch and its libraries has then been set up outside of a recording. Each
    // recording takes as long as a few ticks, and sessions in company have very many kinds: the more there are already, the more often must
    // the next one be seen.
    private bool Replay(string kind, Action issue)
    {
        if (_recordings.TryGetValue(kind, out var known))
        {
            _age.Remove(known.Age);
            _age.AddLast(known.Age);
            known.Recording.Replay();
            statistics.Replayed++;
            return true;
        }
        if (_seen.Count >= MostSeen)
            _seen.Clear();
        var times = _seen.GetValueOrDefault(kind) + 1;
        _seen[kind] = times;
        if (times < 2 + Math.Max(0, _recordings.Count - FreelyRecorded) || kernels.Kernels.Record(issue) is not { } recording)
            return false;
        _seen.Remove(kind);
        if (_recordings.Count >= MostRecordings)
        {
            Forget(_recordings[_age.First!.Value].Recording);
            _recordings.Remove(_age.First.Value);
            _age.RemoveFirst();
        }
        _recordings[kind] = (recording, _age.AddLast(kind));
        statistics.Recorded++;
        statistics.RecordedBytes += recording.Bytes;
        recording.Replay();
        statistics.Replayed++;
        return true;
    }

    private void Forget(IRecording recording)
    {
        statistics.RecordedBytes -= recording.Bytes;
        recording.Dispose();
    }

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

    // Everything that decides which launches a tick has and where they read and write, but for what lies in the buffers. What streaming
    // heads hold follows from what the others do, and how heads are split is the pool's.
    private static string Kind(TickPlan plan, RowPrompts prompts)
    {
        var kind = new StringBuilder();
        kind.Append(plan.Rows.Length).Append(' ').Append(plan.Tokens).Append(' ').Append(plan.Places.Outcomes);
        kind.Append(plan.ChecksSinks ? " c" : " -");
        foreach (var group in plan.Groups)
            kind.Append(' ').Append(group.FirstLane).Append('+').Append(group.Rows).Append(':').Append(group.LocalEnd);
        foreach (var group in prompts.Groups)
            kind.Append(" p").Append(group.FirstRow).Append('+').Append(group.Rows ?? 0);
        return kind.ToString();
    }
}
