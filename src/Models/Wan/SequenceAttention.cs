using StreamDiff.Models.Wan.Layers;
using TorchSharp;
using static TorchSharp.torch;

namespace StreamDiff.Models.Wan;

/// <summary>
/// Self-attention over whole clips at once, for training: every frame sees what it would see in a stream with a rolling cache and relative
/// positions. Rows are the frames of one clip after the other; nothing is written in place, so gradients reach everything.
/// </summary>
internal sealed class SequenceAttention : ISelfAttention, IDisposable
{
    private readonly int _clips;
    private readonly int _frames;
    private readonly int _timeWidth;
    private readonly List<(SequenceGroup Group, Tensor Keys, Tensor Turns)> _groups = [];

    public SequenceAttention(WanConfig config, SequenceLayout layout, int clips, int frames, Device device)
    {
        var rotary = new RotaryEmbedding3D(config.HeadDim);
        _clips = clips;
        _frames = frames;
        _timeWidth = rotary.TimeWidth;
        foreach (var group in layout.Groups(frames))
        {
            var places = group.Keys.Select((_, i) => (long)(i % (group.Keys.Length / group.Windows))).ToArray();
            _groups.Add(
                (group, tensor(group.Keys, device: device).DetachFromDisposeScope(), rotary.Time(places, device).DetachFromDisposeScope()));
        }
    }

    public Tensor Attend(Tensor q, Tensor k, Tensor v, int block)
    {
        using var scope = NewDisposeScope();
        var (tokens, heads, width) = (q.size(1), q.size(2), q.size(3));
        var queries = q.view(_clips, _frames, tokens, heads, width);
        var keys = k.view(_clips, _frames, tokens, heads, width);
        var values = v.view(_clips, _frames, tokens, heads, width);
        var parts = new List<Tensor>(_groups.Count);
        foreach (var (group, index, turns) in _groups)
        {
            var attended = nn.functional.scaled_dot_product_attention(
                Windows(queries.narrow(1, group.First, group.Windows * group.Queries), group.Windows),
                Windows(Turned(keys.index_select(1, index), turns), group.Windows),
                Windows(values.index_select(1, index), group.Windows));
            parts.Add(attended.transpose(1, 2).reshape(_clips, group.Windows * group.Queries, tokens, heads * width));
        }
        return cat(parts, 1).view(_clips * _frames, tokens, heads * width).MoveToOuterDisposeScope();
    }

    public void Dispose()
    {
        foreach (var (_, keys, turns) in _groups)
        {
            keys.Dispose();
            turns.Dispose();
        }
    }

    // [clips, windows * frames, tokens, heads, width] -> [clips * windows, heads, frames * tokens, width]
    private Tensor Windows(Tensor x, int windows) => x.reshape(_clips * windows, -1, x.size(3), x.size(4)).transpose(1, 2);

    // The part of a key that turns with time, by its place in the window.
    private Tensor Turned(Tensor keys, Tensor turns)
    {
        var (frames, tokens, heads, width) = (keys.size(1), keys.size(2), keys.size(3), keys.size(4));
        var pairs = keys.narrow(-1, 0, _timeWidth).to_type(ScalarType.Float32).reshape(_clips, frames, tokens, heads, _timeWidth / 2, 2);
        var turned = view_as_real(view_as_complex(pairs).mul(turns.view(1, frames, 1, 1, _timeWidth / 2))).flatten(-2).to_type(keys.dtype);
        return cat([turned, keys.narrow(-1, _timeWidth, width - _timeWidth)], -1);
    }
}
