using StreamDiff.Models.Wan;
using StreamDiff.Models.Wan.Layers;
using TorchSharp;
using static TorchSharp.torch;

namespace StreamDiff.Models.KvCache;

/// <summary>
/// The rolling KV caches of a range of blocks for a number of lanes, allocated once: per block [lanes, capacity, heads, head_dim] for keys
/// and for values.
/// What is written where is decided by <see cref="CacheLane"/>; nothing waits for the device between <see cref="Plan"/> and
/// <see cref="Commit"/>.
/// </summary>
public sealed partial class KvCachePool : IDisposable
{
    private readonly WanConfig _config;
    private readonly ScalarType _type;
    private readonly List<BlockCache> _blocks = [];
    private readonly CacheLane[] _lanes;
    private readonly Device _device;
    private readonly Tensor? _timeTurns;
    private readonly TurnedKeys _turned;
    private readonly TurnedKeys? _streamingTurned;
    private readonly StreamingSlots? _streaming;
    private readonly int _streamingFrames;
    private int _firstBlock;
    private TickPlan? _uncommitted;

    /// <param name="config">Sizes of the transformer.</param>
    /// <param name="blocks">Number of blocks whose caches are held here.</param>
    /// <param name="lanes">Rows that can be in flight.</param>
    /// <param name="geometry">Sizes of each lane.</param>
    /// <param name="rotation">How keys get their rotation in time.</param>
    /// <param name="device">Device of the blocks.</param>
    /// <param name="type">Type of keys and values.</param>
    /// <param name="rollsByFrame">True makes each frame a slot of its own, so that chunks of any length can follow each other; false slots
    /// of whole chunks, as published.</param>
    /// <param name="firstBlock">Index of the first block in the whole network, which says how its heads are split. Default 0.</param>
    /// <exception cref="ModelException">The sizes contradict each other, or heads are split where slots are whole chunks.</exception>
    public KvCachePool(
        WanConfig config, int blocks, int lanes, CacheGeometry geometry, KeyRotation rotation, Device device, ScalarType type,
        bool rollsByFrame = false, int firstBlock = 0)
    {
        Geometry = geometry.Checked();
        Rotation = rotation;
        (_config, _device, _type, _firstBlock) = (config, device, type, firstBlock);
        if (config.HeadSplit is { } split && split.StreamingFrames(geometry.WindowFrames) is var held && held < geometry.WindowFrames)
        {
            if (!rollsByFrame)
                throw new ModelException("heads cannot be split where the slots of the KV cache are whole chunks, as published");
            var first = split.StreamingSinks(geometry.WindowFrames);
            (_streamingFrames, _streaming) = (held, StreamingSlots.Empty(first, held - first));
            _streamingTurned = new TurnedKeys(lanes, blocks, held);
        }
        try
        {
            for (var i = 0; i < blocks; i++)
                _blocks.Add(new BlockCache(config, firstBlock + i, lanes, geometry, rotation, device, type));
        }
        catch
        {
            // Where memory is exhausted, those who have some need the rest.
            _blocks.ForEach(b => b.Dispose());
            throw;
        }
        _lanes = new CacheLane[lanes];
        for (var i = 0; i < lanes; i++)
            _lanes[i] = new CacheLane(geometry, blocks, _streaming) { RollsByFrame = rollsByFrame };
        _turned = new TurnedKeys(lanes, blocks, geometry.WindowFrames);
        if (rotation == KeyRotation.Relative)
        {
            var places = new long[geometry.WindowFrames];
            for (var i = 0; i < places.Length; i++)
                places[i] = i;
            _timeTurns = new RotaryEmbedding3D(config.HeadDim).Time(places, device);
        }
    }

    public CacheGeometry Geometry { get; }

    public KeyRotation Rotation { get; }

    public int Lanes => _lanes.Length;

    /// <summary>Blocks whose caches are held here.</summary>
    public int BlockCount => _blocks.Count;

    /// <summary>Bookkeeping of a lane, up to date after <see cref="Settle"/>.</summary>
    public CacheLane Lane(int lane) => _lanes[lane];

    /// <summary>
    /// Keys and values of a block, [lanes, capacity, heads, head_dim]; views that stay the pool's. Where heads are split those that hold
    /// the whole window, or the others where there are none.
    /// </summary>
    public (Tensor Keys, Tensor Values) Block(int block) =>
        (_blocks[block].Whole ?? _blocks[block].Streaming!) is var part ? (part.Keys, part.Values) : default;

    /// <summary>Keys and values of a block's streaming heads, [lanes, their capacity, heads, head_dim]; null where it has none.</summary>
    public (Tensor Keys, Tensor Values)? StreamingBlock(int block) =>
        _blocks[block].Streaming is { } part ? (part.Keys, part.Values) : null;

    /// <summary>Bytes of keys and values of all blocks.</summary>
    public long Bytes => _blocks.Sum(b => b.Bytes);

    /// <summary>What runs ticks on these caches with own kernels; goes with them.</summary>
    internal IDisposable? Ticks { get; set; }

    /// <summary>By which places cached keys are turned in time now.</summary>
    internal TurnedKeys Turned => _turned;

    /// <summary>The same for streaming heads; null where heads are not split.</summary>
    internal TurnedKeys? StreamingTurned => _streamingTurned;

    private bool HasStreaming => _streaming is not null;

    /// <summary>Bytes of keys and values, and of the part of the keys that relative positions keep, as a pool of such sizes has.</summary>
    /// <param name="config">Sizes of the transformer, and how its heads are split.</param>
    /// <param name="blocks">Blocks of the whole network that it is for.</param>
    /// <param name="lanes">Lanes.</param>
    /// <param name="geometry">Sizes of each.</param>
    /// <param name="rotation">How keys get their rotation in time.</param>
    /// <param name="elementBytes">Bytes of a number.</param>
    public static double BytesOf(
        WanConfig config, Range blocks, int lanes, CacheGeometry geometry, KeyRotation rotation, int elementBytes)
    {
        var (first, count) = blocks.GetOffsetAndLength(config.Blocks);
        var parts = 2 + (rotation == KeyRotation.Relative ? (double)new RotaryEmbedding3D(config.HeadDim).TimeWidth / config.HeadDim : 0);
        var whole = (double)lanes * geometry.WindowFrames * geometry.FrameTokens * config.Dim * elementBytes * parts;
        return config.HeadSplit is { } split
            ? Enumerable.Range(first, count).Sum(block => whole * split.ShareHeld(block, config.Heads, geometry.WindowFrames))
            : whole * count;
    }

    internal BlockCache Cache(int block) => _blocks[block];

    /// <summary>Rotations by place in the window, complex64 [window, TimeWidth/2]; null in published rotation.</summary>
    internal Tensor? TimeTurns => _timeTurns;

    /// <summary>
    /// Says what the next tick will do with its rows. Where the last tick compared sinks, its outcome is read here, which waits for that
    /// tick.
    /// </summary>
    /// <exception cref="ModelException">A chunk does not fit, or does not follow its lane.</exception>
    internal TickPlan Plan(ReadOnlySpan<TickRow> rows, int tokens)
    {
        Settle();
        if (tokens % Geometry.FrameTokens != 0)
            throw new ModelException($"a chunk of {tokens} tokens is none of whole frames of {Geometry.FrameTokens}");
        var steps = new LaneStep[rows.Length];
        for (var row = 0; row < rows.Length; row++)
            steps[row] = _lanes[rows[row].Lane].Plan(rows[row], tokens);

        var ends = new int[_blocks.Count][];
        for (var block = 0; block < ends.Length; block++)
        {
            ends[block] = new int[rows.Length];
            for (var row = 0; row < rows.Length; row++)
                ends[block][row] = _lanes[rows[row].Lane].WriteEnd(steps[row], block);
        }

        var checks = Array.Exists(steps, s => s.ChecksSinks);
        var frameEnds = FrameEnds(rows, steps);
        var places = Places(rows, steps, ends, frameEnds, checks);
        return new TickPlan
        {
            Tokens = tokens,
            Rows = rows.ToArray(),
            Steps = steps,
            Groups = Group(rows, steps),
            WriteEnds = ends,
            FrameEnds = frameEnds,
            ChecksSinks = checks,
            Thresholds = Thresholds(rows, steps),
            SinkFrames = Array.ConvertAll(rows.ToArray(), r => _lanes[r.Lane].SinkFrames),
            Places = places,
            Streaming = HasStreaming ? PlanStreaming(rows, steps, ends, frameEnds, places) : null,
            SinkMeans = checks ? cat(SinkMeans()).DetachFromDisposeScope() : null,
        };
    }

    /// <summary>
    /// The tick has failed somewhere, and may come again: lanes are as they were before it, whatever it has written. Disposes the plan.
    /// </summary>
    internal void Withdraw(TickPlan plan)
    {
        using (plan)
        {
            if (plan.SinkMeans is not { } before)
                return;
            using var scope = NewDisposeScope();
            var means = SinkMeans();
            for (var i = 0; i < means.Length; i++)
                means[i].copy_(before.narrow(0, (long)i * Lanes, Lanes));
        }
    }

    /// <summary>The tick has been issued, all of it. The pool takes the plan and disposes it.</summary>
    internal void Commit(TickPlan plan)
    {
        if (!plan.ChecksSinks)
        {
            for (var row = 0; row < plan.Rows.Length; row++)
            {
                for (var block = 0; block < _blocks.Count; block++)
                    Done(plan, block, row, outcome: 0);
                _lanes[plan.Rows[row].Lane].Commit(plan.Steps[row], []);
            }
            plan.Dispose();
            return;
        }
        // The refresh happened on the device; reading it now would wait. The next plan needs it, at the earliest.
        _uncommitted = plan;
    }

    /// <summary>Brings the bookkeeping up to date with the last tick, waiting for it where it compared sinks.</summary>
    public void Settle()
    {
        if (_uncommitted is not { } plan)
            return;
        _uncommitted = null;
        using (plan)
        {
            var refreshed = plan.Refreshed();
            Span<int> ofLane = stackalloc int[_blocks.Count];
            for (var row = 0; row < plan.Rows.Length; row++)
            {
                for (var block = 0; block < _blocks.Count; block++)
                {
                    ofLane[block] = refreshed[block * plan.Rows.Length + row];
                    Done(plan, block, row, ofLane[block] + 1);
                }
                _lanes[plan.Rows[row].Lane].Commit(plan.Steps[row], ofLane);
            }
        }
    }

    /// <summary>Makes lanes equal to another one, contents and bookkeeping.</summary>
    public void CopyLane(int from, int to)
    {
        Settle();
        foreach (var block in _blocks)
            block.CopyLane(from, to);
        _turned.Copy(from, to);
        _streamingTurned?.Copy(from, to);
        _lanes[to].CopyFrom(_lanes[from]);
    }

    /// <summary>Empties a lane for a new stream.</summary>
    public void ClearLane(int lane)
    {
        Settle();
        foreach (var block in _blocks)
            block.ClearLane(lane);
        _turned.Clear(lane);
        _streamingTurned?.Clear(lane);
        _lanes[lane].Clear();
    }

    public void Dispose()
    {
        Ticks?.Dispose();
        _uncommitted?.Dispose();
        _timeTurns?.Dispose();
        foreach (var block in _blocks)
            block.Dispose();
    }

    // [lanes, sinks, dim] each.
    private Tensor[] SinkMeans() => [.. _blocks.SelectMany(b => new[] { b.Sinks!.KeyMeans, b.Sinks.ValueMeans })];

    private void Done(TickPlan plan, int block, int row, int outcome)
    {
        var (rows, lane) = (plan.Rows.Length, plan.Rows[row].Lane);
        _turned.Set(plan.Places, block, row, rows, lane, outcome);
        if (plan.Streaming is not { } streaming)
            return;
        _streamingTurned!.Set(streaming.Places, block, row, rows, lane, outcome);
        _lanes[lane].CommitStreaming(block, streaming.Writes[block][row][outcome].After);
    }

    private static RowGroup[] Group(ReadOnlySpan<TickRow> rows, LaneStep[] steps)
    {
        var groups = new List<RowGroup>();
        for (var row = 0; row < rows.Length; row++)
        {
            if (groups.Count > 0 && groups[^1] is var last && last.FirstLane + last.Rows == rows[row].Lane
                && last.LocalEnd == steps[row].LocalEnd)
                groups[^1] = last with { Rows = last.Rows + 1 };
            else
                groups.Add(new RowGroup(row, rows[row].Lane, 1, steps[row].LocalEnd));
        }
        return [.. groups];
    }

    private float[] Thresholds(ReadOnlySpan<TickRow> rows, LaneStep[] steps)
    {
        var values = new float[rows.Length];
        for (var row = 0; row < rows.Length; row++)
        {
            values[row] = steps[row].ChecksSinks ? (float)(rows[row].SinkThreshold ?? Geometry.SinkThreshold) : -1;
            // A cosine may be rounded to less than -1.
            if (values[row] <= -1)
                values[row] = -2;
        }
        return values;
    }

    private int[]?[][]? FrameEnds(ReadOnlySpan<TickRow> rows, LaneStep[] steps)
    {
        if (steps[0].Tokens <= Geometry.FrameTokens)
            return null;
        var ends = new int[_blocks.Count][][];
        for (var block = 0; block < ends.Length; block++)
        {
            ends[block] = new int[rows.Length][];
            for (var row = 0; row < rows.Length; row++)
                if (steps[row].Full && _lanes[rows[row].Lane] is { RollsByFrame: true } lane)
                    ends[block][row] = lane.FrameEnds(steps[row], block);
        }
        return ends;
    }

    private WindowPlaces Places(ReadOnlySpan<TickRow> rows, LaneStep[] steps, int[][] ends, int[]?[][]? frameEnds, bool checks)
    {
        // Without a look at the keys, now or at an earlier chunk, all blocks have the same queues, and there is one outcome.
        var blocks = checks || (Geometry.Adaptive && Array.Exists(steps, s => s.Full)) ? _blocks.Count : 1;
        var outcomes = checks ? Geometry.SinkFrames + 1 : 1;
        var window = Geometry.WindowFrames;
        var places = new WindowPlaces(new short[blocks * rows.Length * outcomes * window], blocks, outcomes);
        for (var row = 0; row < rows.Length; row++)
        {
            var lane = _lanes[rows[row].Lane];
            var geometry = Geometry with { SinkFrames = lane.SinkFrames };
            for (var block = 0; block < blocks; block++)
            {
                var at = (block * rows.Length + row) * outcomes * window;
                var slots = places.Values.AsSpan(at, outcomes * window);
                // Most blocks have refreshed the same sinks.
                if (block > 0 && !steps[row].Repeats && ends[block][row] == ends[block - 1][row]
                    && lane.Queue(block).Ends.SequenceEqual(lane.Queue(block - 1).Ends))
                {
                    places.Of(block - 1, row, rows.Length, window).CopyTo(slots);
                    continue;
                }
                for (var outcome = 0; outcome < outcomes; outcome++)
                {
                    var of = slots.Slice(outcome * window, window);
                    if (frameEnds?[block][row] is { } written)
                        WindowOrder.Fill(geometry, lane.Queue(block), written, of);
                    else
                        WindowOrder.Fill(geometry, lane.Queue(block), steps[row],
                            outcome == 0 ? ends[block][row] : outcome * Geometry.FrameTokens, of);
                }
            }
        }
        return places;
    }
}
