using TorchSharp;
using static TorchSharp.torch;

namespace StreamDiff.Models.KvCache;

/// <summary>
/// Compares new chunks with a block's sinks, on the device: cosine of token-mean keys and of token-mean values, averaged. The means of the
/// sinks are kept, so that a comparison does not read the sinks themselves.
/// </summary>
internal sealed class SinkSimilarity : IDisposable
{
    private readonly CacheGeometry _geometry;
    private readonly Tensor _keyMeans;
    private readonly Tensor _valueMeans;
    private readonly Tensor _sinkEnds;
    private readonly Scalar _frameTokens;
    private readonly Scalar _alike = Scalars.Kept(2f);
    private readonly Tensor _none;

    public SinkSimilarity(CacheGeometry geometry, int lanes, long dim, Device device)
        : this(geometry, device, zeros([lanes, geometry.SinkFrames, dim], dtype: ScalarType.Float32, device: device),
            zeros([lanes, geometry.SinkFrames, dim], dtype: ScalarType.Float32, device: device))
    {
    }

    /// <summary>With means that are known already, float32 [lanes, sinks, dim]; takes them over.</summary>
    public SinkSimilarity(CacheGeometry geometry, Device device, Tensor keyMeans, Tensor valueMeans)
    {
        _geometry = geometry;
        _keyMeans = keyMeans.DetachFromDisposeScope();
        _valueMeans = valueMeans.DetachFromDisposeScope();
        _sinkEnds = arange(Scalars.One, Scalars.Of(geometry.SinkFrames + 1), Scalars.One, dtype: ScalarType.Int64, device: device)
            .mul_(Scalars.Of(geometry.FrameTokens)).DetachFromDisposeScope();
        _none = tensor((long)CacheLane.NoRefresh, device: device).DetachFromDisposeScope();
        _frameTokens = Scalars.Kept(geometry.FrameTokens);
    }

    /// <summary>
    /// For chunks of one latent frame: per row the sink to refresh or -1, int64 [rows], and remembers the means of what will be written.
    /// </summary>
    /// <param name="keys">[rows, tokens, heads, head_dim], rotated as stored.</param>
    /// <param name="values">Same shape.</param>
    /// <param name="lanes">int64 [rows].</param>
    /// <param name="slotEnds">int64 [rows], where each row writes unless redirected.</param>
    /// <param name="redirectable">bool [rows], rows whose write a refresh redirects.</param>
    /// <param name="thresholds">float32 [rows].</param>
    /// <param name="noSinks">bool [rows, sinks], frames that are not looked at; null for none.</param>
    public (Tensor Refreshed, Tensor SlotEnds) Compare(
        Tensor keys, Tensor values, Tensor lanes, Tensor slotEnds, Tensor redirectable, Tensor thresholds, Tensor? noSinks = null)
    {
        using var scope = NewDisposeScope();
        var (newKeys, newValues) = (FrameMeans(keys), FrameMeans(values));
        var (oldKeys, oldValues) = (_keyMeans.index_select(0, lanes), _valueMeans.index_select(0, lanes));
        var similarity = nn.functional.cosine_similarity(oldKeys, newKeys, -1, 1e-8)
            .add_(nn.functional.cosine_similarity(oldValues, newValues, -1, 1e-8), Scalars.One)
            .div_(Scalars.Of(2));
        if (noSinks is not null)
            similarity.masked_fill_(noSinks, _alike);
        var (least, sink) = similarity.min(1);
        var refreshed = where(least.lt(thresholds), sink, _none);
        var redirected = where(
            refreshed.ge(Scalars.Of(0)).logical_and_(redirectable), refreshed.add(Scalars.One, Scalars.One).mul_(_frameTokens), slotEnds);

        var overwritten = redirected.unsqueeze(1).eq(_sinkEnds).unsqueeze(2);
        _keyMeans.index_copy_(0, lanes, where(overwritten, newKeys, oldKeys));
        _valueMeans.index_copy_(0, lanes, where(overwritten, newValues, oldValues));
        return (refreshed.MoveToOuterDisposeScope(), redirected.MoveToOuterDisposeScope());
    }

    /// <summary>Remembers the means of a frame that is written into a sink without being compared.</summary>
    /// <param name="lane">The lane written.</param>
    /// <param name="sink">Which sink, from 0.</param>
    /// <param name="keys">[frame tokens, heads, head_dim], rotated as stored.</param>
    /// <param name="values">Same shape.</param>
    public void Remember(int lane, int sink, Tensor keys, Tensor values)
    {
        using var scope = NewDisposeScope();
        _keyMeans[lane][sink].copy_(FrameMeans(keys.unsqueeze(0))[0][0]);
        _valueMeans[lane][sink].copy_(FrameMeans(values.unsqueeze(0))[0][0]);
    }

    public void CopyLane(int from, int to)
    {
        using var scope = NewDisposeScope();
        _keyMeans[to].copy_(_keyMeans[from]);
        _valueMeans[to].copy_(_valueMeans[from]);
    }

    public void ClearLane(int lane)
    {
        using var scope = NewDisposeScope();
        _keyMeans[lane].zero_();
        _valueMeans[lane].zero_();
    }

    internal Tensor KeyMeans => _keyMeans;

    internal Tensor ValueMeans => _valueMeans;

    public void Dispose()
    {
        _keyMeans.Dispose();
        _valueMeans.Dispose();
        Forget();
    }

    /// <summary>Frees everything but the means, which have moved on.</summary>
    internal void Forget()
    {
        _sinkEnds.Dispose();
        _none.Dispose();
        _frameTokens.Dispose();
        _alike.Dispose();
    }

    // [rows, frames, heads * head_dim], accumulated in float32.
    private Tensor FrameMeans(Tensor x) =>
        x.to_type(ScalarType.Float32).view(x.size(0), x.size(1) / _geometry.FrameTokens, _geometry.FrameTokens, -1).mean([2]);
}
