using StreamDiff.Models.Wan;
using StreamDiff.Models.Wan.Layers;
using TorchSharp;
using static TorchSharp.torch;

namespace StreamDiff.Models.KvCache;

/// <summary>Keys and values of one block for all lanes. One verb: append a chunk and attend to everything valid.</summary>
internal sealed class BlockCache : IDisposable
{
    private readonly CacheGeometry _geometry;
    private readonly int _timeWidth;
    private readonly Tensor? _unrotated;
    private readonly SinkSimilarity? _sinks;

    public BlockCache(WanConfig config, int lanes, CacheGeometry geometry, KeyRotation rotation, Device device, ScalarType type)
    {
        _geometry = geometry;
        _timeWidth = new RotaryEmbedding3D(config.HeadDim).TimeWidth;
        long[] shape = [lanes, geometry.Capacity, config.Heads, config.HeadDim];
        Keys = zeros(shape, dtype: type, device: device).DetachFromDisposeScope();
        Values = zeros(shape, dtype: type, device: device).DetachFromDisposeScope();
        if (rotation == KeyRotation.Relative)
            _unrotated = zeros([lanes, geometry.Capacity, config.Heads, _timeWidth], dtype: type, device: device).DetachFromDisposeScope();
        if (geometry.Adaptive)
            _sinks = new SinkSimilarity(geometry, lanes, config.Dim, device);
    }

    /// <summary>A cache that comes from elsewhere; takes the tensors over.</summary>
    public BlockCache(
        WanConfig config, int lanes, CacheGeometry geometry, KeyRotation rotation, Device device, ScalarType type,
        IReadOnlyList<Tensor> contents)
    {
        _geometry = geometry;
        _timeWidth = new RotaryEmbedding3D(config.HeadDim).TimeWidth;
        var parts = new Queue<Tensor>(contents);
        long[] shape = [lanes, geometry.Capacity, config.Heads, config.HeadDim];
        Keys = Next(shape, type);
        Values = Next(shape, type);
        if (rotation == KeyRotation.Relative)
            _unrotated = Next([lanes, geometry.Capacity, config.Heads, _timeWidth], type);
        if (geometry.Adaptive)
            _sinks = new SinkSimilarity(geometry, device, Next([lanes, geometry.SinkFrames, config.Dim], ScalarType.Float32),
                Next([lanes, geometry.SinkFrames, config.Dim], ScalarType.Float32));
        if (parts.Count > 0)
            throw new ModelException("a moved block's cache holds more than this stream's caches do");

        Tensor Next(long[] wanted, ScalarType wantedType)
        {
            if (!parts.TryDequeue(out var part) || !part.shape.AsSpan().SequenceEqual(wanted) || part.dtype != wantedType
                || part.device_type != device.type)
                throw new ModelException("a moved block's cache does not fit this stream's caches");
            return part.DetachFromDisposeScope();
        }
    }

    /// <summary>
    /// Everything it holds, in the order in which the other constructor takes it. Whoever moves the cache owns them then, and forgets this
    /// object.
    /// </summary>
    public IReadOnlyList<Tensor> Contents => [.. new[] { Keys, Values, _unrotated, _sinks?.KeyMeans, _sinks?.ValueMeans }.OfType<Tensor>()];

    /// <summary>Frees what is not part of <see cref="Contents"/>.</summary>
    public void Forget() => _sinks?.Forget();

    /// <summary>[lanes, capacity, heads, head_dim]. With relative rotation the time part is rewritten whenever it is read.</summary>
    public Tensor Keys { get; }

    /// <summary>[lanes, capacity, heads, head_dim].</summary>
    public Tensor Values { get; }

    /// <summary>The part of the keys that turns with time as it came, [lanes, capacity, heads, time width]; null where keys stay as they
    /// are.</summary>
    public Tensor? Unrotated => _unrotated;

    /// <summary>Means of the sinks; null where sinks never adapt.</summary>
    public SinkSimilarity? Sinks => _sinks;

    public long Bytes => (Keys.numel() + Values.numel() + (_unrotated?.numel() ?? 0)) * Keys.element_size();

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

        for (var row = 0; row < plan.Rows.Length; row++)
            Write(k[row], v[row], plan, block, row, slotEnds);
        if (timeTurns is not null)
            RotateWindow(plan, block, refreshed, timeTurns);

        var attended = plan.Groups.Select(g => Attend(q, g)).ToArray();
        var joined = attended.Length == 1 ? attended[0] : cat(attended);
        return joined.flatten(2).MoveToOuterDisposeScope();
    }

    public void CopyLane(int from, int to)
    {
        using var scope = NewDisposeScope();
        Keys[to].copy_(Keys[from]);
        Values[to].copy_(Values[from]);
        _unrotated?[to].copy_(_unrotated[from]);
        _sinks?.CopyLane(from, to);
    }

    public void ClearLane(int lane)
    {
        using var scope = NewDisposeScope();
        Keys[lane].zero_();
        Values[lane].zero_();
        _unrotated?[lane].zero_();
        _sinks?.ClearLane(lane);
    }

    public void Dispose()
    {
        Keys.Dispose();
        Values.Dispose();
        _unrotated?.Dispose();
        _sinks?.Dispose();
    }

    private void Write(Tensor k, Tensor v, TickPlan plan, int block, int row, Tensor? slotEnds)
    {
        var lane = plan.Rows[row].Lane;
        var step = plan.Steps[row];
        if (slotEnds is not null && step.Full)
        {
            // The refresh may have redirected the write: where it goes is known on the device only.
            var at = slotEnds.narrow(0, row, 1).sub(plan.OnDevice!.FromEnd!);
            Keys[lane].index_copy_(0, at, k);
            Values[lane].index_copy_(0, at, v);
            _unrotated?[lane].index_copy_(0, at, k.narrow(-1, 0, _timeWidth));
            return;
        }

        if (plan.FrameEnds?[block][row] is { } ends)
        {
            WriteFrames(k, v, lane, ends);
            return;
        }

        var start = plan.WriteEnds[block][row] - plan.Tokens;
        Keys[lane].narrow(0, start, plan.Tokens).copy_(k);
        Values[lane].narrow(0, start, plan.Tokens).copy_(v);
        _unrotated?[lane].narrow(0, start, plan.Tokens).copy_(k.narrow(-1, 0, _timeWidth));
        if (_sinks is not null && slotEnds is null && start < _geometry.SinkTokens)
            RecomputeSinks(lane);
    }

    private void WriteFrames(Tensor k, Tensor v, int lane, int[] ends)
    {
        var tokens = _geometry.FrameTokens;
        for (var frame = 0; frame < ends.Length; frame++)
        {
            var (from, start) = (frame * tokens, ends[frame] - tokens);
            Keys[lane].narrow(0, start, tokens).copy_(k.narrow(0, from, tokens));
            Values[lane].narrow(0, start, tokens).copy_(v.narrow(0, from, tokens));
            _unrotated?[lane].narrow(0, start, tokens).copy_(k.narrow(0, from, tokens).narrow(-1, 0, _timeWidth));
        }
        if (_sinks is not null && Array.Exists(ends, end => end <= _geometry.SinkTokens))
            RecomputeSinks(lane);
    }

    private void RecomputeSinks(int lane)
    {
        var keys = Keys[lane].narrow(0, 0, _geometry.SinkTokens);
        if (_unrotated is not null)
            keys = cat([_unrotated[lane].narrow(0, 0, _geometry.SinkTokens), keys.narrow(-1, _timeWidth, keys.size(-1) - _timeWidth)], -1);
        _sinks!.Recompute(lane, keys, Values[lane].narrow(0, 0, _geometry.SinkTokens));
    }

    private void RotateWindow(TickPlan plan, int block, Tensor? refreshed, Tensor timeTurns)
    {
        var (rows, window) = (plan.Rows.Length, _geometry.WindowFrames);
        var outcomes = plan.OnDevice!.Places![plan.Places.Blocks > 1 ? block : 0];
        var places = refreshed is null
            ? outcomes.select(1, 0)
            : outcomes.gather(1, refreshed.add(Scalars.One, Scalars.One).view(rows, 1, 1).expand(rows, 1, window));
        var turns = timeTurns.index_select(0, places.flatten()).view(rows, window, 1, 1, _timeWidth / 2);
        foreach (var group in plan.Groups)
        {
            var frames = group.LocalEnd / _geometry.FrameTokens;
            var raw = _unrotated!.narrow(0, group.FirstLane, group.Rows).narrow(1, 0, group.LocalEnd).to_type(ScalarType.Float32)
                .view(group.Rows, frames, _geometry.FrameTokens, -1, _timeWidth / 2, 2);
            var rotated = view_as_real(view_as_complex(raw).mul(turns.narrow(0, group.FirstRow, group.Rows).narrow(1, 0, frames)));
            Keys.narrow(0, group.FirstLane, group.Rows).narrow(1, 0, group.LocalEnd).narrow(3, 0, _timeWidth)
                .copy_(rotated.view(group.Rows, group.LocalEnd, -1, _timeWidth));
        }
    }

    /// <summary>Attention of a group's rows to everything valid.</summary>
    /// <param name="q">[rows, tokens, heads, head_dim], of all rows.</param>
    /// <param name="group">Which rows.</param>
    /// <returns>[rows of the group, tokens, heads, head_dim].</returns>
    public Tensor Attend(Tensor q, RowGroup group)
    {
        var keys = Keys.narrow(0, group.FirstLane, group.Rows).narrow(1, 0, group.LocalEnd).transpose(1, 2);
        var values = Values.narrow(0, group.FirstLane, group.Rows).narrow(1, 0, group.LocalEnd).transpose(1, 2);
        var queries = q.narrow(0, group.FirstRow, group.Rows).transpose(1, 2);
        return nn.functional.scaled_dot_product_attention(queries, keys, values).transpose(1, 2);
    }
}
