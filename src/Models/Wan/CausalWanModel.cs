using StreamDiff.Models.Cuda;
using StreamDiff.Models.KvCache;
using StreamDiff.Models.Loras;
using StreamDiff.Models.Wan.Fused;
using StreamDiff.Models.Wan.Layers;
using StreamDiff.Models.Weights;
using TorchSharp;
using static TorchSharp.torch;

namespace StreamDiff.Models.Wan;

/// <summary>
/// The causal Wan 2.1 transformer over a range of blocks. It knows lanes, not streams: each row of a tick has its own timestep, position
/// and cache lane. The first range also embeds latents, the last one has the head. Weights carry the names of the public checkpoints.
/// </summary>
public sealed partial class CausalWanModel : IDisposable
{
    private readonly PatchEmbedding? _patches;
    private readonly Linear _text0;
    private readonly Linear _text2;
    private readonly TimestepEmbedding _time;
    private readonly List<HeldBlock> _blocks = [];
    private readonly WanHead? _head;
    private readonly RotaryTables _rotary;
    private readonly WeightSet _weights;
    private readonly LoraSet? _loras;
    private FusedTicks? _fused;

    private CausalWanModel(
        WanConfig config, Range blocks, IWeightSource source, Device device, ScalarType type, bool bothEnds, LoraSet? loras)
    {
        var loader = Loader(source, device, type, loras);
        var (first, count) = blocks.GetOffsetAndLength(config.Blocks);
        Config = config.Checked();
        Device = device;
        Type = type;
        FirstBlock = first;
        _rotary = new RotaryTables(new RotaryEmbedding3D(config.HeadDim), device);
        _text0 = new Linear(loader.In("text_embedding.0"), config.TextDim, config.Dim);
        _text2 = new Linear(loader.In("text_embedding.2"), config.Dim, config.Dim);
        _time = new TimestepEmbedding(config, loader);
        if (first == 0 || bothEnds)
            _patches = new PatchEmbedding(config, loader.In("patch_embedding"));
        for (var i = 0; i < count; i++)
            _blocks.Add(TakeBlock(config, loader, first + i, source, loras));
        if (first + count == config.Blocks || bothEnds)
            _head = new WanHead(config, loader);
        loader.Allow(name => BelongsElsewhere(name, first, count, config.Blocks));
        _weights = loader.Complete();
        _loras = loras is { IsLive: true } ? loras : null;
        try
        {
            if (_loras is not null)
                BeginLive(_loras, loader, source);
            _fused = FusedTicks.Create(config, device, type, Ticks);
        }
        catch
        {
            DisposeWeights();
            throw;
        }
    }

    public WanConfig Config { get; }

    public Device Device { get; }

    /// <summary>Type of weights and activations; latents and flows are float32 whatever it is.</summary>
    public ScalarType Type { get; }

    /// <summary>Index of the first block held.</summary>
    public int FirstBlock { get; private set; }

    /// <summary>Number of blocks held.</summary>
    public int BlockCount => _blocks.Count;

    /// <summary>How ticks are run, for reports.</summary>
    public TickStatistics Ticks { get; } = new();

    public long WeightBytes =>
        _weights.Tensors.Where(t => !t.IsInvalid).Sum(Bytes) + _blocks.Where(b => b.Memory is not null).Sum(b => b.Memory!.Bytes)
            + LiveBytes;

    /// <summary>The weights as they were loaded, for an optimiser.</summary>
    public IReadOnlyList<Tensor> Weights => _weights.Tensors;

    /// <summary>Builds the network from its weights, strictly.</summary>
    /// <param name="config">Sizes.</param>
    /// <param name="blocks">Blocks to hold, such as <c>..</c> for all.</param>
    /// <param name="source">The checkpoint.</param>
    /// <param name="device">Where to compute.</param>
    /// <param name="type">float32 or bfloat16.</param>
    /// <param name="bothEnds">Embedding and head also where the first or last block is not held: they are small, and a range whose blocks
    /// move may become an end.</param>
    /// <param name="loras">What is added to the weights; must outlive the model where strengths may change. Null for nothing.</param>
    /// <exception cref="WeightsException">The checkpoint does not fit; lists every name.</exception>
    public static CausalWanModel Load(
        WanConfig config, Range blocks, IWeightSource source, Device device, ScalarType type, bool bothEnds = false,
        LoraSet? loras = null) =>
        new(config, blocks, source, device, type, bothEnds, loras);

    /// <summary>Caches for a number of lanes of this model's blocks.</summary>
    /// <param name="lanes">How many.</param>
    /// <param name="geometry">Sizes of each.</param>
    /// <param name="rotation">How keys get their rotation in time.</param>
    /// <param name="rollsByFrame">See <see cref="KvCachePool"/>. Default false.</param>
    public KvCachePool CreateCache(int lanes, CacheGeometry geometry, KeyRotation rotation, bool rollsByFrame = false) =>
        new(Config, _blocks.Count, lanes, geometry, rotation, Device, Type, rollsByFrame, FirstBlock);

    /// <summary>Everything that depends on the prompt alone.</summary>
    /// <param name="promptEmbeddings">[1, tokens, text_dim], zero-padded to text_len here if shorter; several prompts where rows follow
    /// different ones.</param>
    public PromptContext EncodePrompt(Tensor promptEmbeddings)
    {
        using var scope = NewDisposeScope();
        var embeddings = promptEmbeddings.to(Type, Device);
        if (embeddings.size(1) < Config.TextLength)
            embeddings = nn.functional.pad(embeddings, [0, 0, 0, Config.TextLength - embeddings.size(1)]);
        var text = _text2.Forward(nn.functional.gelu(_text0.Forward(embeddings), TorchSharp.Modules.GELU.Approximate.tanh));
        var parts = new List<Tensor>(2 * _blocks.Count);
        foreach (var block in _blocks)
        {
            var (keys, values) = block.Block.PromptKeysValues(text);
            parts.AddRange([keys, values]);
        }
        return new PromptContext(stack(parts));
    }

    /// <summary>Latents to tokens; first range only.</summary>
    public Tensor Embed(Tensor latents) =>
        (_patches ?? throw new InvalidOperationException("only the rank with the first block embeds latents")).Forward(latents);

    /// <summary>
    /// Runs the rows of one tick through this range's blocks. Issues work only; nothing waits for the device unless the plan before
    /// compared sinks.
    /// </summary>
    /// <param name="tokens">[rows, frames * L, dim]; overwritten when gradients are off.</param>
    /// <param name="tick">The rows: lanes, positions, timesteps, prompts.</param>
    /// <param name="cache">Caches of these blocks.</param>
    /// <returns>[rows, frames * L, dim]: <paramref name="tokens"/> itself when gradients are off.</returns>
    public Tensor Blocks(Tensor tokens, Tick tick, KvCachePool cache)
    {
        var (through, plan) = Planned(tokens, tick, cache);
        cache.Commit(plan);
        return through;
    }

    // The caches have not counted the tick yet: what follows may fail, and the tick come again.
    private (Tensor Tokens, TickPlan Plan) Planned(Tensor tokens, Tick tick, KvCachePool cache)
    {
        using var scope = NewDisposeScope();
        var given = tokens;
        // First what needs no plan: planning may wait for the tick before, and the device should have something to do then.
        var (_, modulation) = _time.Forward(tick.Timesteps);
        var plan = cache.Plan(tick.Rows, (int)tokens.size(1));
        try
        {
            var prompts = new RowPrompts(tick.Prompts);
            var firstFrames = Array.ConvertAll(plan.Steps, step => FirstFrame(tick, cache, step));
            var isFused = !is_grad_enabled() && _fused is { } fused
                && fused.TryRun(tokens, (tick.GridRows, tick.GridColumns), plan, modulation, firstFrames, cache, prompts,
                    _blocks.ConvertAll(b => b.Block));
            if (!isFused)
            {
                var (queryTurns, keyTurns) = Turns(tick, cache, firstFrames);
                var context = new TickContext(new CachedAttention(cache, plan, Device), modulation, queryTurns, keyTurns);
                for (var i = 0; i < _blocks.Count; i++)
                    tokens = _blocks[i].Block.Forward(tokens, context, i, prompts);
            }
        }
        catch
        {
            cache.Withdraw(plan);
            throw;
        }
        return (Residual.Result(tokens, given), plan);
    }

    /// <summary>Tokens to flow, float32 [rows, frames, 16, h, w]; last range only.</summary>
    public Tensor Head(Tensor tokens, Tick tick)
    {
        using var scope = NewDisposeScope();
        var head = _head ?? throw new InvalidOperationException("only the rank with the last block has the head");
        var (time, _) = _time.Forward(tick.Timesteps);
        return head.Forward(tokens, time, tick.Frames, tick.GridRows, tick.GridColumns).MoveToOuterDisposeScope();
    }

    /// <summary>
    /// The whole way, for a model that holds all blocks: latents [rows, frames, 16, h, w] to flow of the same shape. Where any of it fails
    /// the caches are as before it.
    /// </summary>
    /// <param name="latents">The rows' latents.</param>
    /// <param name="tick">The rows: lanes, positions, timesteps, prompts.</param>
    /// <param name="cache">Caches of all blocks.</param>
    /// <param name="then">What becomes of the flow; belongs to the tick as the network does. Default: nothing.</param>
    public Tensor Forward(Tensor latents, Tick tick, KvCachePool cache, Func<Tensor, Tensor>? then = null)
    {
        using var scope = NewDisposeScope();
        if (Probe is { } probe)
        {
            var flow = Probed(probe, latents, tick, cache);
            return (then?.Invoke(flow) ?? flow).MoveToOuterDisposeScope();
        }
        var (tokens, plan) = Planned(Embed(latents), tick, cache);
        Tensor made;
        try
        {
            var flow = Head(tokens, tick);
            made = then?.Invoke(flow) ?? flow;
        }
        catch
        {
            cache.Withdraw(plan);
            throw;
        }
        cache.Commit(plan);
        return made.MoveToOuterDisposeScope();
    }

    /// <summary>
    /// Whole clips at once, with gradients: what <see cref="Forward"/> computes frame by frame with relative positions and sinks that stay.
    /// For a model that holds all blocks.
    /// </summary>
    /// <param name="latents">[clips, frames, 16, h, w].</param>
    /// <param name="timesteps">One per frame, clip after clip.</param>
    /// <param name="prompts">One prompt for all, or one per frame (see <see cref="PromptContext.Select"/>).</param>
    /// <param name="layout">Who sees whom.</param>
    /// <returns>Flow, float32, of the shape of the latents.</returns>
    public Tensor ForwardClips(Tensor latents, double[] timesteps, PromptContext prompts, SequenceLayout layout)
    {
        using var scope = NewDisposeScope();
        var (clips, frames, rows, columns) = ((int)latents.size(0), (int)latents.size(1), (int)latents.size(3) / 2,
            (int)latents.size(4) / 2);
        using var attention = new SequenceAttention(Config, layout, clips, frames, Device);
        var (head, modulation) = _time.Forward(timesteps);
        var turns = cat(Enumerable.Range(0, frames).Select(f => _rotary.Of(layout.PlaceOf(f), 1, rows, columns)).ToArray());
        var context = new TickContext(attention, modulation, turns.repeat(clips, 1, 1, 1), _rotary.Of(0, 1, rows, columns));
        var tokens = Embed(latents.flatten(0, 1).unsqueeze(1));
        var followed = new RowPrompts(prompts);
        for (var i = 0; i < _blocks.Count; i++)
            tokens = _blocks[i].Block.Forward(tokens, context, i, followed);
        var flow = _head!.Forward(tokens, head, 1, rows, columns);
        return flow.view(clips, frames, -1, 2L * rows, 2L * columns).MoveToOuterDisposeScope();
    }

    /// <summary>Runs ticks with other kernels; this object disposes them.</summary>
    internal void Use(IKernels kernels) => _fused = new FusedTicks(kernels, Config, Device, Type, Ticks);

    public void Dispose()
    {
        _fused?.Dispose();
        _time.Dispose();
        _rotary.Dispose();
        DisposeWeights();
    }

    private (Tensor Query, Tensor Key) Turns(Tick tick, KvCachePool cache, long[] first)
    {
        // Rows at the same place, as in a full window with relative positions, share a table.
        var query = first.Distinct().Count() == 1 ? Table(first[0]) : cat(Array.ConvertAll(first, Table));
        return (query, cache.Rotation == KeyRotation.Published ? query : KeyTable());

        Tensor Table(long frame) => _rotary.Of(frame, tick.Frames, tick.GridRows, tick.GridColumns);

        // Rotated in space only: place 0 for every frame.
        Tensor KeyTable() => tick.Frames == 1
            ? Table(0)
            : cat(Enumerable.Repeat(_rotary.Of(0, 1, tick.GridRows, tick.GridColumns), tick.Frames).ToArray(), 1);
    }

    private static long FirstFrame(Tick tick, KvCachePool cache, LaneStep step)
    {
        var frameTokens = cache.Geometry.FrameTokens;
        if (cache.Rotation == KeyRotation.Relative)
            return step.LocalEnd / frameTokens - tick.Frames;
        var index = step.Position / frameTokens;
        if (index + tick.Frames > PublishedTableFrames)
            throw new ModelException(
                $"published rotary positions end at latent frame {PublishedTableFrames}: let the index be refreshed, or use relative "
                    + "positions (--rope relative)");
        return index;
    }

    /// <summary>Length of the published table of frame positions.</summary>
    public const int PublishedTableFrames = 1024;

    private static bool BelongsElsewhere(string name, int first, int count, int blocks)
    {
        if (name.StartsWith("patch_embedding.", StringComparison.Ordinal))
            return first != 0;
        if (name.StartsWith("head.", StringComparison.Ordinal))
            return first + count != blocks;
        var parts = name.Split('.');
        return parts.Length > 1 && parts[0] == "blocks" && int.TryParse(parts[1], out var block) && block < blocks
            && (block < first || block >= first + count);
    }
}
