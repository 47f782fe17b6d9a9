using StreamDiff.Models;
using StreamDiff.Models.Diffusion;
using StreamDiff.Models.KvCache;
using StreamDiff.Models.Wan;
using StreamDiff.Transport.Links;
using static TorchSharp.torch;

namespace StreamDiff.Pipeline.Ranks;

/// <summary>One stream on one rank: the caches of this rank's blocks and the prompts that rows in flight follow.</summary>
internal sealed class RankSession : IDisposable
{
    private readonly SessionOpening _opening;
    private readonly Dictionary<int, (Tensor Embeddings, PromptContext Context)> _prompts = [];

    public RankSession(CausalWanModel model, SessionOpening opening)
    {
        _opening = opening;
        Cache = model.CreateCache(opening.Lanes, opening.Geometry, opening.Rotation);
        Schedule = new FlowMatchSchedule(opening.Shift);
    }

    public KvCachePool Cache { get; }

    public FlowMatchSchedule Schedule { get; }

    /// <summary>Takes a prompt's embeddings over.</summary>
    public void AddPrompt(int number, Tensor embeddings, CausalWanModel model)
    {
        ForgetPrompt(number);
        _prompts[number] = (embeddings.DetachFromDisposeScope(), model.EncodePrompt(embeddings));
    }

    public void ForgetPrompt(int number)
    {
        if (!_prompts.Remove(number, out var prompt))
            return;
        prompt.Embeddings.Dispose();
        prompt.Context.Dispose();
    }

    /// <summary>The model has other blocks now: what the prompts mean to them.</summary>
    public void EncodePromptsAgain(CausalWanModel model)
    {
        foreach (var (number, (embeddings, context)) in _prompts.ToArray())
        {
            context.Dispose();
            _prompts[number] = (embeddings, model.EncodePrompt(embeddings));
        }
    }

    public void Lanes(LaneOrder order)
    {
        if (order.CopyFirstToAll)
            for (var lane = 1; lane < Cache.Lanes; lane++)
                Cache.CopyLane(0, lane);
        Cache.Lane(0).ShareSlots(order.Visits);
    }

    /// <summary>
    /// The rows through this rank's blocks, in place. Rows that follow different prompts, for a few ticks after a change, go through in groups: a row's
    /// prompt is the one that the one-rank schedule gives it.
    /// </summary>
    public void Blocks(CausalWanModel model, Tensor tokens, IReadOnlyList<LinkRow> rows, int frames)
    {
        for (int first = 0, next; first < rows.Count; first = next)
        {
            for (next = first + 1; next < rows.Count && rows[next].Prompt == rows[first].Prompt; next++)
            {
            }
            var tick = TickOf([.. rows.Skip(first).Take(next - first)], frames);
            using var part = tokens.narrow(0, first, next - first);
            model.Blocks(part, tick, Cache);
        }
    }

    /// <summary>From tokens and noisy latents to clean latents, row by row.</summary>
    public Tensor Clean(CausalWanModel model, Tensor tokens, Tensor latents, IReadOnlyList<LinkRow> rows, int frames)
    {
        using var scope = NewDisposeScope();
        var flow = model.Head(tokens, TickOf(rows, frames));
        var clean = new Tensor[rows.Count];
        for (var row = 0; row < clean.Length; row++)
            clean[row] = Schedule.Denoise(latents.narrow(0, row, 1), flow.narrow(0, row, 1), rows[row].Timestep);
        return cat(clean).MoveToOuterDisposeScope();
    }

    public void Dispose()
    {
        Cache.Dispose();
        foreach (var number in _prompts.Keys.ToArray())
            ForgetPrompt(number);
    }

    private Tick TickOf(IReadOnlyList<LinkRow> rows, int frames) => new()
    {
        Rows = [.. rows.Select(r => new TickRow(r.Lane, r.Position))],
        Timesteps = [.. rows.Select(r => r.Timestep)],
        Frames = frames,
        GridRows = _opening.GridRows,
        GridColumns = _opening.GridColumns,
        Prompt = _prompts.TryGetValue(rows[0].Prompt, out var prompt) ? prompt.Context : throw new ModelException($"prompt {rows[0].Prompt} is not known to this rank"),
    };
}
