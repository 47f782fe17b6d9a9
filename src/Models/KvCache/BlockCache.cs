using StreamDiff.Models.Wan;
using StreamDiff.Models.Wan.Layers;
using TorchSharp;
using static TorchSharp.torch;

namespace StreamDiff.Models.KvCache;

/// <summary>
/// Keys and values of one block for all lanes. One verb: append a chunk and attend to everything valid. Where heads are split, those that
/// look back on the whole window have a cache and the others a shorter one.
/// </summary>
internal sealed class BlockCache : IDisposable
{
    private readonly CacheGeometry _geometry;
    private readonly SinkSimilarity? _sinks;
    private readonly Tensor? _order;

    /// <param name="config">Sizes of the transformer, and how its heads are split.</param>
    /// <param name="block">Index in the whole network.</param>
    /// <param name="lanes">Lanes.</param>
    /// <param name="geometry">Sizes of a lane.</param>
    /// <param name="rotation">How keys get their rotation in time.</param>
    /// <param name="device">Where it lies.</param>
    /// <param name="type">Of keys and values.</param>
    /// <param name="contents">Tensors of a cache that comes from elsewhere, which it takes over; null for an empty one.</param>
    public BlockCache(
        WanConfig config, int block, int lanes, CacheGeometry geometry, KeyRotation rotation, Device device, ScalarType type,
        IReadOnlyList<Tensor>? contents = null)
    {
        _geometry = geometry;
        var parts = contents is null ? null : new Queue<Tensor>(contents);
        Tensor Make(long[] shape) => parts is null
            ? zeros(shape, dtype: type, device: device).DetachFromDisposeScope()
            : Next(shape, type);

        if (config.HeadSplit is { } split && split.StreamingFrames(geometry.WindowFrames) < geometry.WindowFrames
            && split.Of(block, config.Heads) is var (retrieval, streaming) && streaming.Length > 0)
        {
            var isMixed = retrieval.Length > 0;
            if (isMixed)
                Whole = new HeadCache(config, retrieval, lanes, geometry.Capacity, rotation, device, Make);
            Streaming = new HeadCache(config, isMixed ? streaming : null, lanes,
                split.StreamingFrames(geometry.WindowFrames) * geometry.FrameTokens, rotation, device, Make);
            if (isMixed)
            {
                int[] order = [.. retrieval, .. streaming];
                var places = Enumerable.Range(0, config.Heads).Select(head => (long)Array.IndexOf(order, head)).ToArray();
                _order = tensor(places, device: device).DetachFromDisposeScope();
            }
        }
        else
            Whole = new HeadCache(config, null, lanes, geometry.Capacity, rotation, device, Make);
        if (geometry.Adaptive)
            _sinks = parts is null
                ? new SinkSimilarity(geometry, lanes, config.Dim, device)
                : new SinkSimilarity(geometry, device, Next([lanes, geometry.SinkFrames, config.Dim], ScalarType.Float32),
                    Next([lanes, geometry.SinkFrames, config.Dim], ScalarType.Float32));
        if (parts?.Count > 0)
            throw new ModelException("a moved block's cache holds more than this stream's caches do");

        Tensor Next(long[] wanted, ScalarType wantedType)
        {
            if (!parts!.TryDequeue(out var part) || !part.shape.AsSpan().SequenceEqual(wanted) || part.dtype != wantedType
                || part.device_type != device.type)
                throw new ModelException("a moved block's cache does not fit this stream's caches");
            return part.DetachFromDisposeScope();
        }
    }

    /// <summary>
    /// Everything it holds, in the order in which the constructor takes it. Whoever moves the cache owns them then, and forgets this
    /// object.
    /// </summary>
    public IReadOnlyList<Tensor> Contents =>
        [.. Parts.SelectMany(p => p.Contents), .. new[] { _sinks?.KeyMeans, _sinks?.ValueMeans }.OfType<Tensor>()];

    /// <summary>Frees what is not part of <see cref="Contents"/>.</summary>
    public void Forget()
    {
        foreach (var part in Parts)
            part.Forget();
        _order?.Dispose();
        _sinks?.Forget();
    }

    /// <summary>The heads that hold the whole window; null where none does.</summary>
    public HeadCache? Whole { get; }

    /// <summary>The heads that hold its first and newest frames; null where none does with those.</summary>
    public HeadCache? Streaming { get; }

    /// <summary>Means of the sinks; null where sinks never adapt.</summary>
    public SinkSimilarity? Sinks => _sinks;

    public long Bytes => Parts.Sum(p => p.Bytes);

    private IEnumerable<HeadCache> Parts => new[] { Whole, Streaming }.OfType<HeadCache>();

    /// <summary>Writes the new keys and values where the plan says and attends to all that is then valid.</summary>
    /// <param name="q">[rows, tokens, heads, head_dim], rotated.</param>
    /// <param name="k">Same shape; in published rotation rotated, in relative rotation rotated in space only.</param>
    /// <param name="v">Same shape.</param>
    /// <param name="plan">The tick.</param>
    /// <param name="block">Index of this block in the pool.</param>
    /// <param name="timeTurns">Rotations by place in the window, complex64 [window, time width / 2]; null in published rotation.</param>
    /// <returns>[rows, tokens, heads * head_dim].</returns>
    public Tensor Attend(Tensor q, Tensor k, Tensor v, TickPlan plan, int block, Tensor? timeTurns)
    {
        using var scope = NewDisposeScope();
        Tensor? refreshed = null;
        Tensor? slotEnds = null;
        if (plan.ChecksSinks)
        {
            var tensors = plan.OnDevice!;
            (refreshed, slotEnds) = _sinks!.Compare(
                k, v, tensors.LaneIndex!, tensors.WriteEnds![block], tensors.Redirectable!, tensors.Thresholds!, tensors.NoSinks);
            tensors.Refreshed![block].copy_(refreshed);
        }
        else if (_sinks is not null)
            for (var row = 0; row < plan.Rows.Length; row++)
                RememberSinks(k[row], v[row], plan, block, row);

        var whole = Whole is null ? null : AttendWhole(Whole, q, k, v, plan, block, refreshed, slotEnds, timeTurns);
        var streaming = Streaming is null ? null : AttendStreaming(Streaming, q, k, v, plan, block, refreshed, timeTurns);
        return Joined(whole, streaming).flatten(2).MoveToOuterDisposeScope();
    }

    /// <summary>Heads of the block in their own order again.</summary>
    /// <param name="whole">[rows, tokens, heads, head_dim] of <see cref="Whole"/>.</param>
    /// <param name="streaming">The same of <see cref="Streaming"/>.</param>
    public Tensor Joined(Tensor? whole, Tensor? streaming) =>
        whole is null ? streaming! : streaming is null ? whole : cat([whole, streaming], 2).index_select(2, _order!);

    public void CopyLane(int from, int to)
    {
        using var scope = NewDisposeScope();
        foreach (var part in Parts)
            part.CopyLane(from, to);
        _sinks?.CopyLane(from, to);
    }

    public void ClearLane(int lane)
    {
        using var scope = NewDisposeScope();
        foreach (var part in Parts)
            part.ClearLane(lane);
        _sinks?.ClearLane(lane);
    }

    public void Dispose()
    {
        foreach (var part in Parts)
            part.Dispose();
        _order?.Dispose();
        _sinks?.Dispose();
    }

    private Tensor AttendWhole(
        HeadCache part, Tensor q, Tensor k, Tensor v, TickPlan plan, int block, Tensor? refreshed, Tensor? slotEnds, Tensor? timeTurns)
    {
        (q, k, v) = (part.Of(q), part.Of(k), part.Of(v));
        for (var row = 0; row < plan.Rows.Length; row++)
        {
            var lane = plan.Rows[row].Lane;
            // The refresh may have redirected the write: where it goes is known on the device only.
            if (slotEnds is not null && plan.Steps[row].Full)
                part.Write(k[row], v[row], lane, slotEnds.narrow(0, row, 1).sub(plan.OnDevice!.FromEnd!));
            else if (plan.FrameEnds?[block][row] is { } ends)
                part.Write(k[row], v[row], lane, ends, _geometry.FrameTokens);
            else
                part.Write(k[row], v[row], lane, plan.WriteEnds[block][row] - plan.Tokens);
        }
        if (timeTurns is not null)
            part.Rotate(plan.Groups, TurnsOf(plan.OnDevice!.Places!, plan.Places.Blocks, block, refreshed, timeTurns),
                _geometry.FrameTokens);
        return part.Attend(q, plan.Groups);
    }

    private Tensor AttendStreaming(
        HeadCache part, Tensor q, Tensor k, Tensor v, TickPlan plan, int block, Tensor? refreshed, Tensor? timeTurns)
    {
        (q, k, v) = (part.Of(q), part.Of(k), part.Of(v));
        var (streaming, tensors) = (plan.Streaming!, plan.OnDevice!);
        for (var row = 0; row < plan.Rows.Length; row++)
        {
            var lane = plan.Rows[row].Lane;
            if (refreshed is not null && plan.Steps[row].Full)
                part.Write(k[row], v[row], lane, tensors.StreamingEnds![block][row]
                    .gather(0, refreshed.narrow(0, row, 1).add(Scalars.One, Scalars.One)).sub(tensors.FromEnd!));
            else
                part.Write(k[row], v[row], lane, streaming.Writes[block][row][0].Ends, _geometry.FrameTokens);
        }
        if (timeTurns is not null)
            part.Rotate(streaming.Groups, TurnsOf(tensors.StreamingPlaces!, streaming.Places.Blocks, block, refreshed, timeTurns),
                _geometry.FrameTokens);
        return streaming.HoldsChunks
            ? part.Attend(q, streaming.Groups)
            : cat([.. Enumerable.Range(0, plan.Rows.Length).Select(row => AttendToChunk(part, q, k, v, plan, block, row, timeTurns))]);
    }

    // The chunk is longer than what is kept of it: it sees all of itself all the same.
    private Tensor AttendToChunk(HeadCache part, Tensor q, Tensor k, Tensor v, TickPlan plan, int block, int row, Tensor? timeTurns)
    {
        var (tokens, window) = (_geometry.FrameTokens, _geometry.WindowFrames);
        var write = plan.Streaming!.Writes[block][row][0];
        var first = Math.Min(plan.Streaming.First, plan.Steps[row].LocalEnd / tokens);
        // Frames of the chunk that went to the start are read from there.
        var beyond = Enumerable.Range(0, write.Slots.Length).Where(f => write.Slots[f] >= first).ToArray();
        // All of a chunk that begins its stream may have gone to the start, where the cache holds it.
        if (beyond.Length == 0)
            return part.Attend(q, new RowGroup(row, plan.Rows[row].Lane, 1, first * tokens));
        // Frames are known here: an index would be a copy that the device is waited for with.
        Tensor Beyond(Tensor x) => cat([.. beyond.Select(f => x[row].narrow(0, f * tokens, tokens))]);
        Tensor? turns = null;
        if (timeTurns is not null)
        {
            var places = plan.Places.Of(block, row, plan.Rows.Length, window).ToArray();
            turns = cat([.. beyond.Select(f => timeTurns.narrow(0, places[write.Slots[f]], 1))]).view(beyond.Length, 1, 1, -1);
        }
        return part.AttendToChunk(q[row], Beyond(k), Beyond(v), plan.Rows[row].Lane, first * tokens, turns);
    }

    // Means of frames that are written into sinks without being compared.
    private void RememberSinks(Tensor k, Tensor v, TickPlan plan, int block, int row)
    {
        var tokens = _geometry.FrameTokens;
        if (plan.FrameEnds?[block][row] is { } ends)
        {
            for (var frame = 0; frame < ends.Length; frame++)
                Remember(frame * tokens, ends[frame] - tokens);
            return;
        }
        var start = plan.WriteEnds[block][row] - plan.Tokens;
        for (var at = start; at < Math.Min(start + plan.Tokens, _geometry.SinkTokens); at += tokens)
            Remember(at - start, at);

        void Remember(int from, int to)
        {
            if (to < _geometry.SinkTokens)
                _sinks!.Remember(plan.Rows[row].Lane, to / tokens, k.narrow(0, from, tokens), v.narrow(0, from, tokens));
        }
    }

    // Rotations by slot, complex64 [rows, window, 1, 1, time width / 2], of places int64 [blocks or 1, rows, outcomes, window].
    private static Tensor TurnsOf(Tensor places, int blocks, int block, Tensor? refreshed, Tensor timeTurns)
    {
        var outcomes = places[blocks > 1 ? block : 0];
        var (rows, window) = (outcomes.size(0), outcomes.size(2));
        var of = refreshed is null
            ? outcomes.select(1, 0)
            : outcomes.gather(1, refreshed.add(Scalars.One, Scalars.One).view(rows, 1, 1).expand(rows, 1, window));
        return timeTurns.index_select(0, of.flatten()).view(rows, window, 1, 1, -1);
    }
}
