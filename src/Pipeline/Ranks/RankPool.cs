using StreamDiff.Models;
using StreamDiff.Models.Diffusion;
using StreamDiff.Models.KvCache;
using StreamDiff.Models.Loras;
using StreamDiff.Models.Wan;
using StreamDiff.Models.Wan.Layers;
using StreamDiff.Transport.Links;
using static TorchSharp.torch;

namespace StreamDiff.Pipeline.Ranks;

/// <summary>A pool of lanes on one rank: the caches of this rank's blocks.</summary>
internal sealed class RankPool : IDisposable
{
    private readonly PoolOpening _opening;
    private readonly FlowMatchSchedule _schedule;

    public RankPool(CausalWanModel model, PoolOpening opening)
    {
        _opening = opening;
        Cache = model.CreateCache(opening.Lanes, opening.Geometry, opening.Rotation, opening.RollsByFrame);
        _schedule = new FlowMatchSchedule(opening.Shift);
    }

    public KvCachePool Cache { get; }

    /// <summary>Its sizes.</summary>
    public PoolOpening Opening => _opening;

    public void Apply(LaneOrder order)
    {
        if (order.From is { } from)
            Cache.CopyLane(from, order.Lane);
        else
            Cache.ClearLane(order.Lane);
    }

    /// <summary>The rows through this rank's blocks, in place.</summary>
    public void Blocks(CausalWanModel model, Tensor tokens, Tick tick) => model.Blocks(tokens, tick, Cache);

    /// <summary>From tokens and noisy latents to clean latents, row by row.</summary>
    public Tensor Clean(CausalWanModel model, Tensor tokens, Tensor latents, Tick tick)
    {
        using var scope = NewDisposeScope();
        return _schedule.Denoise(latents, model.Head(tokens, tick), tick.Timesteps).MoveToOuterDisposeScope();
    }

    public Tick TickOf(IReadOnlyList<LinkRow> rows, int frames, RankPrompts prompts) => new()
    {
        Rows = [.. rows.Select(r => new TickRow(r.Lane, r.Position, r.SinkThreshold, r.SinkFrames, r.Visit, r.Visits))],
        Timesteps = [.. rows.Select(r => r.Timestep)],
        Frames = frames,
        GridRows = _opening.GridRows,
        GridColumns = _opening.GridColumns,
        Prompts = [.. rows.Select(r => prompts.Of(r.Prompt))],
    };

    public void Dispose() => Cache.Dispose();
}

/// <summary>The prompts that rows in flight follow, as this rank's blocks hold them.</summary>
internal sealed class RankPrompts : IDisposable
{
    private readonly Dictionary<int, (Tensor Embeddings, LoraStrengths? Loras, PromptContext Context)> _prompts = [];

    /// <exception cref="ModelException">The rank was never told of it.</exception>
    public PromptContext Of(int number) =>
        _prompts.TryGetValue(number, out var prompt)
            ? prompt.Context
            : throw new ModelException($"prompt {number} is not known to this rank");

    /// <summary>Prompts that are known.</summary>
    public int Count => _prompts.Count;

    /// <summary>True for a prompt that this rank was told of.</summary>
    public bool Knows(int number) => _prompts.ContainsKey(number);

    /// <summary>Takes a prompt's embeddings over.</summary>
    public void Add(int number, Tensor embeddings, CausalWanModel model)
    {
        Forget(number);
        _prompts[number] = (embeddings.DetachFromDisposeScope(), model.Strengths, model.EncodePrompt(embeddings));
    }

    public void Forget(int number)
    {
        if (!_prompts.Remove(number, out var prompt))
            return;
        prompt.Embeddings.Dispose();
        prompt.Context.Dispose();
    }

    /// <summary>The model has other blocks now: what the prompts mean to them.</summary>
    public void EncodeAgain(CausalWanModel model)
    {
        var now = model.Strengths;
        foreach (var (number, (embeddings, loras, context)) in _prompts.ToArray())
        {
            context.Dispose();
            model.UseLoras(loras);
            _prompts[number] = (embeddings, loras, model.EncodePrompt(embeddings));
        }
        model.UseLoras(now);
    }

    public void Dispose()
    {
        foreach (var number in _prompts.Keys.ToArray())
            Forget(number);
    }
}
