using StreamDiff.Models.Cuda;
using StreamDiff.Models.KvCache;
using StreamDiff.Models.Native;
using StreamDiff.Models.Wan.Layers;
using TorchSharp;
using static TorchSharp.torch;

namespace StreamDiff.Models.Wan.Fused;

/// <summary>Self-attention of rows to their caches, cut as the device likes it best (<see cref="AttentionSplit"/>).</summary>
internal sealed class CachedSelfAttention(TokenKernels kernels)
{
    // What the pieces were measured with.
    private const int HeadWidth = 128;

    private readonly Dictionary<(int Rows, int Heads, int Tokens, int Keys), AttentionSplit?> _splits = [];
    private AttentionPieces? _pieces = kernels.Kernels.Pieces;
    private bool _hasSplit;

    /// <summary>Attention of all rows to everything valid, for the caller's dispose scope.</summary>
    /// <param name="part">The cache.</param>
    /// <param name="q">[rows, tokens, heads, head_dim].</param>
    /// <param name="groups">The rows.</param>
    /// <returns>[rows, tokens, heads, head_dim].</returns>
    public Tensor Attend(HeadCache part, Tensor q, IReadOnlyList<RowGroup> groups)
    {
        var attended = groups.Select(g => SplitOf(part, q, g) is { } split ? Attend(part, q, g, split) : part.Attend(q, g)).ToArray();
        return attended.Length == 1 ? attended[0] : cat(attended);
    }

    // Parts of the keys are rows of the memory only where a lane is full. On a device the pieces are those of cuDNN's attention, which is
    // not asked for what it cannot do.
    private AttentionSplit? SplitOf(HeadCache part, Tensor q, RowGroup group)
    {
        if (_pieces is not { } pieces || group.LocalEnd != part.Keys.size(1)
            || (q.device_type == DeviceType.CUDA && (q.dtype != ScalarType.BFloat16 || q.size(3) != HeadWidth)))
            return null;
        var key = (group.Rows, part.Heads, (int)q.size(1), group.LocalEnd);
        if (!_splits.TryGetValue(key, out var split))
            _splits[key] = split = AttentionSplit.For(group.Rows, part.Heads, key.Item3, group.LocalEnd, pieces);
        return split;
    }

    private Tensor Attend(HeadCache part, Tensor q, RowGroup group, AttentionSplit split)
    {
        using var scope = NewDisposeScope();
        var (rows, tokens, heads, width) = (group.Rows, q.size(1), q.size(2), q.size(3));
        var rest = tokens - split.First;
        var queries = q.narrow(0, group.FirstRow, rows);
        try
        {
            var keys = part.Keys.narrow(0, group.FirstLane, rows);
            var values = part.Values.narrow(0, group.FirstLane, rows);
            var (first, _) = Ops.AttentionWithSums(
                queries.narrow(1, 0, split.First).transpose(1, 2), keys.transpose(1, 2), values.transpose(1, 2));
            var (parts, sums) = Ops.AttentionWithSums(
                queries.narrow(1, split.First, rest).unsqueeze(1).expand(rows, split.Parts, rest, heads, width)
                    .reshape(rows * split.Parts, rest, heads, width).transpose(1, 2), Parts(keys), Parts(values));
            var to = empty([rows, tokens, heads, width], q.dtype, q.device);
            kernels.JoinAttention(first.transpose(1, 2).contiguous(), parts.transpose(1, 2).contiguous(), sums.contiguous(), to);
            _hasSplit = true;
            return to.MoveToOuterDisposeScope();
        }
        catch (InvalidOperationException) when (!_hasSplit)
        {
            // This libtorch's attention gives no sums; it has said why. What fails once it could has another reason, such as no memory.
            _pieces = null;
            return part.Attend(q, group).MoveToOuterDisposeScope();
        }

        Tensor Parts(Tensor x) => x.view(rows * split.Parts, -1, heads, width).transpose(1, 2);
    }
}
