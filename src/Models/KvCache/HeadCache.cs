using StreamDiff.Models.Wan.Layers;
using TorchSharp;
using static TorchSharp.torch;

namespace StreamDiff.Models.KvCache;

/// <summary>Keys and values of those heads of one block that hold equally many frames, for all lanes.</summary>
internal sealed class HeadCache : IDisposable
{
    private readonly int _timeWidth;
    private readonly Tensor? _index;

    /// <param name="config">Sizes of the transformer.</param>
    /// <param name="heads">Which heads of the block; null for all.</param>
    /// <param name="lanes">Lanes.</param>
    /// <param name="capacity">Tokens of a lane.</param>
    /// <param name="rotation">How keys get their rotation in time.</param>
    /// <param name="device">Where it lies.</param>
    /// <param name="make">Makes a part of a shape, or takes one over.</param>
    public HeadCache(
        WanConfig config, int[]? heads, int lanes, int capacity, KeyRotation rotation, Device device, Func<long[], Tensor> make)
    {
        _timeWidth = new RotaryEmbedding3D(config.HeadDim).TimeWidth;
        Heads = heads?.Length ?? config.Heads;
        Keys = make([lanes, capacity, Heads, config.HeadDim]);
        Values = make([lanes, capacity, Heads, config.HeadDim]);
        if (rotation == KeyRotation.Relative)
            Unrotated = make([lanes, capacity, Heads, _timeWidth]);
        if (heads is null)
            return;
        _index = tensor(Array.ConvertAll(heads, h => (long)h), device: device).DetachFromDisposeScope();
        Index = _index.to_type(ScalarType.Int32).DetachFromDisposeScope();
    }

    /// <summary>[lanes, capacity, heads, head_dim]. With relative rotation the time part is rewritten whenever it is read.</summary>
    public Tensor Keys { get; }

    /// <summary>[lanes, capacity, heads, head_dim].</summary>
    public Tensor Values { get; }

    /// <summary>The part of the keys that turns with time as it came, [lanes, capacity, heads, time width]; null where keys stay as they
    /// are.</summary>
    public Tensor? Unrotated { get; }

    /// <summary>How many heads.</summary>
    public int Heads { get; }

    /// <summary>int32 [heads], which heads of the block; null for all.</summary>
    public Tensor? Index { get; }

    public IEnumerable<Tensor> Contents => new[] { Keys, Values, Unrotated }.OfType<Tensor>();

    public long Bytes => Contents.Sum(t => t.numel()) * Keys.element_size();

    /// <summary>Of [rows, tokens, heads of the block, …] that of these heads; for the caller's dispose scope.</summary>
    public Tensor Of(Tensor x) => _index is null ? x : x.index_select(2, _index);

    /// <summary>Writes tokens side by side.</summary>
    /// <param name="k">[tokens, heads, head_dim].</param>
    /// <param name="v">Same shape.</param>
    /// <param name="lane">The lane.</param>
    /// <param name="start">Where the first goes.</param>
    public void Write(Tensor k, Tensor v, int lane, int start)
    {
        var tokens = k.size(0);
        Keys[lane].narrow(0, start, tokens).copy_(k);
        Values[lane].narrow(0, start, tokens).copy_(v);
        Unrotated?[lane].narrow(0, start, tokens).copy_(k.narrow(-1, 0, _timeWidth));
    }

    /// <summary>The same to places that only the device knows, int64 [tokens].</summary>
    public void Write(Tensor k, Tensor v, int lane, Tensor at)
    {
        Keys[lane].index_copy_(0, at, k);
        Values[lane].index_copy_(0, at, v);
        Unrotated?[lane].index_copy_(0, at, k.narrow(-1, 0, _timeWidth));
    }

    /// <summary>Frames one by one, in the order of time.</summary>
    /// <param name="k">[tokens, heads, head_dim].</param>
    /// <param name="v">Same shape.</param>
    /// <param name="lane">The lane.</param>
    /// <param name="ends">Ends of their slots.</param>
    /// <param name="frameTokens">Tokens of a frame.</param>
    public void Write(Tensor k, Tensor v, int lane, int[] ends, int frameTokens)
    {
        for (var frame = 0; frame < ends.Length; frame++)
            Write(k.narrow(0, frame * frameTokens, frameTokens), v.narrow(0, frame * frameTokens, frameTokens), lane,
                ends[frame] - frameTokens);
    }

    /// <summary>Turns the valid keys of all rows by their places.</summary>
    /// <param name="groups">The rows.</param>
    /// <param name="turns">Rotations by slot, complex64 [rows, frames, 1, 1, time width / 2].</param>
    /// <param name="frameTokens">Tokens of a frame.</param>
    public void Rotate(IReadOnlyList<RowGroup> groups, Tensor turns, int frameTokens)
    {
        foreach (var group in groups)
        {
            var frames = group.LocalEnd / frameTokens;
            var raw = Unrotated!.narrow(0, group.FirstLane, group.Rows).narrow(1, 0, group.LocalEnd).to_type(ScalarType.Float32)
                .view(group.Rows, frames, frameTokens, -1, _timeWidth / 2, 2);
            var rotated = view_as_real(view_as_complex(raw).mul(turns.narrow(0, group.FirstRow, group.Rows).narrow(1, 0, frames)));
            Keys.narrow(0, group.FirstLane, group.Rows).narrow(1, 0, group.LocalEnd).narrow(3, 0, _timeWidth)
                .copy_(rotated.view(group.Rows, group.LocalEnd, -1, _timeWidth));
        }
    }

    /// <summary>Attention of all rows to everything valid.</summary>
    /// <param name="q">[rows, tokens, heads, head_dim].</param>
    /// <param name="groups">The rows.</param>
    /// <returns>[rows, tokens, heads, head_dim].</returns>
    public Tensor Attend(Tensor q, IReadOnlyList<RowGroup> groups)
    {
        var attended = groups.Select(g => Attend(q, g)).ToArray();
        return attended.Length == 1 ? attended[0] : cat(attended);
    }

    /// <summary>Attention of a group's rows to everything valid.</summary>
    /// <param name="q">[rows, tokens, heads, head_dim], of all rows.</param>
    /// <param name="group">Which rows.</param>
    /// <returns>[rows of the group, tokens, heads, head_dim].</returns>
    public Tensor Attend(Tensor q, RowGroup group) => Attend(
        q.narrow(0, group.FirstRow, group.Rows),
        Keys.narrow(0, group.FirstLane, group.Rows).narrow(1, 0, group.LocalEnd),
        Values.narrow(0, group.FirstLane, group.Rows).narrow(1, 0, group.LocalEnd));

    /// <summary>
    /// Attention of one row to the cache's first tokens and to all of its own chunk, which is longer than what the cache keeps of it.
    /// </summary>
    /// <param name="q">[tokens, heads, head_dim].</param>
    /// <param name="k">The chunk's keys beyond those tokens, [tokens, heads, head_dim].</param>
    /// <param name="v">Same shape.</param>
    /// <param name="lane">The lane.</param>
    /// <param name="first">How many tokens of the cache.</param>
    /// <param name="turns">Rotations of these keys in time, complex64 [frames, 1, 1, time width / 2]; null where they are turned
    /// already.</param>
    /// <returns>[1, tokens, heads, head_dim].</returns>
    public Tensor AttendToChunk(Tensor q, Tensor k, Tensor v, int lane, int first, Tensor? turns)
    {
        if (turns is not null)
        {
            var raw = k.narrow(-1, 0, _timeWidth).to_type(ScalarType.Float32).contiguous()
                .view(turns.size(0), -1, Heads, _timeWidth / 2, 2);
            var turned = view_as_real(view_as_complex(raw).mul(turns)).view(k.size(0), Heads, _timeWidth).to_type(k.dtype);
            k = cat([turned, k.narrow(-1, _timeWidth, k.size(-1) - _timeWidth)], -1);
        }
        return Attend(q.unsqueeze(0), cat([Keys[lane].narrow(0, 0, first), k]).unsqueeze(0),
            cat([Values[lane].narrow(0, 0, first), v]).unsqueeze(0));
    }

    public void CopyLane(int from, int to)
    {
        foreach (var part in Contents)
            part[to].copy_(part[from]);
    }

    public void ClearLane(int lane)
    {
        foreach (var part in Contents)
            part[lane].zero_();
    }

    /// <summary>Frees what is not part of <see cref="Contents"/>.</summary>
    public void Forget()
    {
        _index?.Dispose();
        Index?.Dispose();
    }

    public void Dispose()
    {
        foreach (var part in Contents)
            part.Dispose();
        Forget();
    }

    private static Tensor Attend(Tensor q, Tensor keys, Tensor values) => nn.functional.scaled_dot_product_attention(
        q.transpose(1, 2), keys.transpose(1, 2), values.transpose(1, 2)).transpose(1, 2);
}
