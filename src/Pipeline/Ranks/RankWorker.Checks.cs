using System.Text.Json;
using StreamDiff.Models.KvCache;
using StreamDiff.Models.Loras;
using StreamDiff.Models.Native;
using StreamDiff.Transport.Links;

namespace StreamDiff.Pipeline.Ranks;

/// <summary>A message that makes no sense in a ring: whoever sent it is no longer listened to.</summary>
internal sealed class NonsenseException(string message) : Exception(message);

/// <summary>
/// What a message may say at the moment when it comes: checked whole before anything is done, so that no number of a peer's reaches an
/// array, a loop or an allocation that it was not meant for.
/// </summary>
public sealed partial class RankWorker
{
    private const int MostPools = 256;
    private const int MostPrompts = 4096;
    private const int MostLanes = 4096;
    private const int MostRanks = 1024;
    private const int MostHeldBack = 1024;
    private const int MostFramesOfAChunk = 256;
    private const int LongestAddress = 300;
    private const int MostVisits = 64;

    private static void Expect(bool holds, string what)
    {
        if (!holds)
            throw new NonsenseException(what);
    }

    private static T Order<T>(LinkHeader header)
    {
        try
        {
            return Controls.Read<T>(header.Detail);
        }
        catch (Exception e) when (e is JsonException or ArgumentException or NotSupportedException or InvalidOperationException)
        {
            throw new NonsenseException($"{header.Kind} that cannot be read");
        }
    }

    private Assignment CheckedAssignment(LinkHeader header)
    {
        var place = Order<Assignment>(header);
        Expect(header.Epoch >= 0 && place.World is >= 1 and <= MostRanks && place.Rank >= 0 && place.Rank < place.World,
            $"rank {place.Rank} of {place.World}");
        Expect(place.Start >= 0 && place.Start < place.End && place.End <= model.Config.Blocks,
            $"blocks {place.Start} to {place.End} of {model.Config.Blocks}");
        Expect((place.Next is null) == (place.Rank == place.World - 1), "a ring that does not close");
        Expect(place.Next is not { Length: > LongestAddress } && place.Next?.Contains('\0', StringComparison.Ordinal) != true
            && place.Next?.LastIndexOf(':') is not (0 or -1), "a neighbour without an address");
        return place;
    }

    private LoadOrder CheckedInvitation(LinkHeader header)
    {
        var order = Order<LoadOrder>(header);
        Expect(order.Start >= 0 && order.Start < order.End && order.End <= model.Config.Blocks,
            $"blocks {order.Start} to {order.End} of {model.Config.Blocks}");
        return order;
    }

    private LoadOrder CheckedLoad(LinkHeader header)
    {
        var order = CheckedInvitation(header);
        Expect(_model is not null, "blocks to load before an assignment");
        return order;
    }

    private MoveOrder CheckedMove(LinkHeader header)
    {
        var order = Order<MoveOrder>(header);
        Expect(order.Starts is { } starts && starts.Length == _place.World && order.Blocks == model.Config.Blocks && starts[0] == 0,
            "a move of another ring");
        for (var rank = 0; rank < _place.World; rank++)
        {
            var (start, end) = order.Of(rank);
            Expect(start < end && start >= 0 && end <= order.Blocks, $"a move to blocks {start} to {end}");
        }
        var (first, last) = order.Of(_place.Rank);
        // Only neighbours have what moves here, and take what moves away.
        Expect(_previous is not null || first == _place.Start, "a move from a rank that is not there");
        Expect(_next is not null || last == _place.End, "a move to a rank that is not there");
        return order;
    }

    private PoolOpening CheckedPool(LinkHeader header)
    {
        var pool = Order<PoolOpening>(header);
        Expect(_pools.Count < MostPools && !_pools.ContainsKey(header.Pool), $"pool {header.Pool} a second time, or too many pools");
        Expect(pool.Lanes is >= 1 and <= MostLanes && pool.GridRows >= 1 && pool.GridColumns >= 1 && pool.WindowFrames >= 1
            && pool.SinkFrames >= 0 && pool.SinkFrames < pool.WindowFrames && (long)pool.GridRows * pool.GridColumns == pool.FrameTokens
            && Enum.IsDefined(pool.Rotation) && double.IsFinite(pool.SinkThreshold) && double.IsFinite(pool.Shift) && pool.Shift > 0,
            "a pool of impossible sizes");
        // On a GPU its own allocator says so.
        var bytes = KvCachePool.BytesOf(model.Config, _place.Start.._place.End, pool.Lanes, pool.Geometry, pool.Rotation,
            model.Type == TorchSharp.torch.ScalarType.Float32 ? sizeof(float) : sizeof(short));
        Expect(bytes < long.MaxValue && (long)pool.WindowFrames * pool.FrameTokens <= int.MaxValue, "a pool of impossible sizes");
        if (model.Device.type == TorchSharp.DeviceType.CPU)
            HostMemory.Require((long)bytes, $"a KV cache of {pool.WindowFrames} latent frames and {pool.Lanes} lanes on {model.Device}");
        return pool;
    }

    private LaneOrder CheckedLanes(LinkHeader header)
    {
        var order = Order<LaneOrder>(header);
        var lanes = Pool(header).Lanes;
        Expect(order.Lane >= 0 && order.Lane < lanes && order.From is not < 0 && !(order.From >= lanes), "a lane that is not there");
        return order;
    }

    private LoraOrder CheckedLoras(LinkHeader header)
    {
        var order = Order<LoraOrder>(header);
        Expect(model.Loras is { IsLive: true } loras && (order.Strengths is not { } strengths
            || (strengths.Length == loras.Loras.Count && strengths.All(s => LoraChoice.Problem(s) is null))), "strengths of other LoRAs");
        return order;
    }

    private void CheckPrompt(LinkMessage message)
    {
        var shape = message.Payloads is [var only] ? only.Shape : [];
        Expect(message.Header.Tick is >= 0 and <= int.MaxValue && _prompts.Count < MostPrompts, "too many prompts");
        Expect(shape is [>= 1 and <= MostLanes, >= 1, var width] && shape[1] <= model.Config.TextLength && width == model.Config.TextDim
            && message.Payloads[0].Type is ElementType.F32 or ElementType.BF16 or ElementType.F16, "a prompt of impossible sizes");
    }

    private void CheckTick(LinkMessage message)
    {
        var header = message.Header;
        var pool = Pool(header);
        var first = _place.Rank == 0;
        Expect(header.Rows.Count >= 1 && header.Rows.Count <= pool.Lanes && message.Payloads.Count == (first ? 1 : 2)
            && header.Timings.Count <= _place.World, "a tick of impossible sizes");
        var taken = new HashSet<int>();
        foreach (var row in header.Rows)
        {
            Expect(row.Lane >= 0 && row.Lane < pool.Lanes && taken.Add(row.Lane), "a row of a lane that is not there, or twice");
            Expect(row.Position >= 0 && row.Position <= long.MaxValue / 2 && row.Timestep is >= 0 and <= 1000
                && (row.SinkThreshold is not { } threshold || double.IsFinite(threshold)) && row.SinkFrames is not < 0
                    && !(row.SinkFrames >= pool.WindowFrames)
                && row.Visit >= 0 && row.Visit < row.Visits && row.Visits <= MostVisits && _prompts.Knows(row.Prompt),
                "a row of impossible numbers");
        }
        var latents = message.Payloads[^1];
        Expect(latents.Shape is [var rows, >= 1 and <= MostFramesOfAChunk, var channels, var height, var width]
            && rows == header.Rows.Count && channels == model.Config.InChannels && height == 2L * pool.GridRows
            && width == 2L * pool.GridColumns && IsReal(latents.Type), "latents of impossible sizes");
        if (first)
            return;
        var tokens = message.Payloads[0];
        Expect(tokens.Shape is [var count, var length, var size] && count == latents.Shape[0]
            && length == latents.Shape[1] * pool.FrameTokens && size == model.Config.Dim && IsReal(tokens.Type),
            "tokens of impossible sizes");
    }

    private void CheckCache(LinkMessage message)
    {
        var header = message.Header;
        var order = Order<CacheOrder>(header);
        var pool = Pool(header);
        Expect(_arrived.Count < model.Config.Blocks * Math.Max(1, _pools.Count), "more caches than there are blocks");
        Expect(order.Block >= 0 && order.Block < model.Config.Blocks && Fits(order.Queues) && Fits(order.Written)
            && Fits(order.Streaming)
            && message.Payloads.All(p => IsReal(p.Type)), "a cache of impossible sizes");

        bool Fits(int[][]? slots) => slots is not null && slots.Length == pool.Lanes
            && slots.All(s => s is not null && s.All(end => end >= 0 && end <= pool.WindowFrames * pool.FrameTokens));
    }

    private PoolOpening Pool(LinkHeader header) =>
        _pools.TryGetValue(header.Pool, out var pool) ? pool.Opening
            : throw new NonsenseException($"pool {header.Pool}, which is not open");

    private static bool IsReal(ElementType type) => type is ElementType.F32 or ElementType.BF16 or ElementType.F16;
}
