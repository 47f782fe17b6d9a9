using StreamDiff.Models.Cuda;
using StreamDiff.Models.KvCache;
using StreamDiff.Models.Wan.Layers;
using static TorchSharp.torch;

namespace StreamDiff.Models.Wan.Fused;

/// <summary>Self-attention of one tick through the rolling caches, and the norm of cross-attention's queries, with own kernels.</summary>
/// <param name="kernels">The kernels.</param>
/// <param name="buffers">Of the tick's shape.</param>
/// <param name="shape">The tick's.</param>
/// <param name="pool">The caches.</param>
/// <param name="plan">The tick.</param>
/// <param name="turns">Rotations of new keys and queries.</param>
/// <param name="cached">Attends.</param>
/// <param name="inPieces">True where the tick is recorded for any lanes: what is attended to is the business of each replay's
/// plan.</param>
internal sealed class FusedAttention(
    TokenKernels kernels, TickBuffers buffers, TickShape shape, KvCachePool pool, TickPlan plan, Turns turns,
    CachedSelfAttention cached, bool inPieces) : IFusedAttention
{
    public Tensor Attend(Tensor projections, Tensor queryNorm, Tensor keyNorm, int block)
    {
        using var scope = NewDisposeScope();
        var cache = pool.Cache(block);
        var dim = (int)(projections.size(-1) / 3);
        kernels.NormRotate(projections, (queryNorm, buffers.Queries), (keyNorm, buffers.Keys), turns, shape.Tokens);
        var values = Argument.Of(projections) + (ulong)(2 * dim * projections.element_size());
        var refreshed = plan.ChecksSinks ? buffers.Refreshed(block) : 0;
        if (plan.ChecksSinks)
            kernels.CompareSinks(buffers.Keys, values, 3 * dim, cache.Sinks!.KeyMeans, cache.Sinks.ValueMeans, buffers.Rows,
                buffers.Ends(block), buffers.Fresh, buffers.Partial, buffers.Done, refreshed, shape.Rows, shape.Sinks, turns.FrameTokens);
        else if (cache.Sinks is { } sinks)
            // Chunks of several frames and later steps are compared with nothing; what they write into sinks is remembered.
            kernels.CompareSinks(buffers.Keys, values, 3 * dim, sinks.KeyMeans, sinks.ValueMeans, buffers.FrameRows,
                buffers.FrameEnds(block), buffers.Fresh, buffers.Partial, buffers.Done, buffers.NoOutcome, shape.Rows * shape.Frames,
                shape.Sinks, turns.FrameTokens);
        Tensor? whole = null, streaming = null;
        if (cache.Whole is { } part)
        {
            if (part.Index is null)
                kernels.WriteCache(buffers.Keys, values, 3 * dim, part.Keys, part.Values, part.Unrotated, buffers.Rows,
                    buffers.Slots(block), refreshed, pool.TimeTurns, shape.Rows, shape.Outcomes, shape.Tokens, turns.FrameTokens,
                    shape.Window);
            else
                Write(part, buffers.Slots(block), shape.Window, isStreaming: false);
            whole = Attended(part, plan.Groups, first: 0, isStreaming: false);
        }
        if (cache.Streaming is { } shorter)
        {
            Write(shorter, buffers.StreamingSlots(block), shape.StreamingFrames, isStreaming: true);
            streaming = Attended(shorter, plan.Streaming!.Groups, cache.Whole?.Heads ?? 0, isStreaming: true);
        }
        return cache.Joined(whole, streaming).reshape(-1, dim).MoveToOuterDisposeScope();

        void Write(HeadCache to, ulong slots, int window, bool isStreaming) => kernels.WriteCache(
            buffers.Keys, values, 3 * dim, to.Keys, to.Values, to.Unrotated, buffers.Rows, slots, refreshed, pool.TimeTurns, shape.Rows,
            shape.Outcomes, shape.Tokens, turns.FrameTokens, window, to.Index, to.Heads, isStreaming);
    }

    // For the caller's dispose scope.
    private Tensor Attended(HeadCache part, IReadOnlyList<RowGroup> groups, int first, bool isStreaming)
    {
        if (!inPieces)
            return cached.Attend(part, part.Of(buffers.Queries), groups);
        kernels.Kernels.Apart(() =>
        {
            using var scope = NewDisposeScope();
            var now = buffers.Plan!;
            var of = isStreaming ? now.Streaming!.Groups : now.Groups;
            To().copy_(cached.Attend(part, part.Of(buffers.Queries), of));
        });
        return To();

        Tensor To() => buffers.Attended(first, part.Heads, buffers.Queries.size(3));
    }

    public Tensor Queries(Tensor projections, Tensor norm)
    {
        kernels.NormRotate(projections, (norm, buffers.Queries), null, null, shape.Tokens);
        return buffers.Queries;
    }
}
