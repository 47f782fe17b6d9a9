using System.Text.Json;
using StreamDiff.Models.Diffusion;
using StreamDiff.Models.KvCache;

namespace StreamDiff.Pipeline.Ranks;

/// <summary>A rank's place in the ring.</summary>
/// <param name="Rank">From 0.</param>
/// <param name="World">Ranks in all.</param>
/// <param name="Start">First block.</param>
/// <param name="End">One past the last block.</param>
/// <param name="Next">Address of the next rank; null for the last one, which answers to the driver.</param>
/// <param name="Ring">What tells the driver's ring from others: neighbours name it to each other.</param>
internal sealed record Assignment(int Rank, int World, int Start, int End, string? Next, long Ring = 0);

/// <summary>What every rank must know of a pool of lanes.</summary>
internal sealed record PoolOpening(
    int Lanes, int FrameTokens, int WindowFrames, int SinkFrames, double SinkThreshold, KeyRotation Rotation, bool RollsByFrame,
    int GridRows, int GridColumns, double Shift)
{
    public CacheGeometry Geometry => new(FrameTokens, WindowFrames, SinkFrames, SinkThreshold);

    public static PoolOpening Of(DenoiserOptions shape, int lanes) => new(
        lanes, shape.Geometry.FrameTokens, shape.Geometry.WindowFrames, shape.Geometry.SinkFrames, shape.Geometry.SinkThreshold,
        shape.Rotation, !shape.AsPublished, shape.GridRows, shape.GridColumns, shape.Shift);
}

/// <summary>A lane is made equal to another one, or empty.</summary>
/// <param name="Lane">Which lane changes.</param>
/// <param name="From">What it becomes equal to; null empties it.</param>
internal sealed record LaneOrder(int Lane, int? From);

/// <summary>The blocks of all ranks from here on.</summary>
/// <param name="Starts">First block of each rank.</param>
/// <param name="Blocks">Blocks in all.</param>
internal sealed record MoveOrder(int[] Starts, int Blocks)
{
    public (int Start, int End) Of(int rank) => (Starts[rank], rank + 1 < Starts.Length ? Starts[rank + 1] : Blocks);
}

/// <summary>A block's cache that moves.</summary>
/// <param name="Block">Index in the whole network.</param>
/// <param name="Queues">Slot ends of each lane's eviction queue.</param>
/// <param name="Written">Slot ends that each lane's last chunk was written to.</param>
/// <param name="Streaming">What each lane's streaming heads hold.</param>
internal sealed record CacheOrder(int Block, int[][] Queues, int[][] Written, int[][] Streaming);

/// <summary>Strengths of the model's LoRAs from here on.</summary>
/// <param name="Strengths">In the model's order; null for those that it was loaded with.</param>
internal sealed record LoraOrder(double[]? Strengths);

/// <summary>Blocks to load ahead of a move.</summary>
internal sealed record LoadOrder(int Start, int End);

internal static class Controls
{
    public static string Write<T>(T control) => JsonSerializer.Serialize(control);

    /// <exception cref="JsonException">The text is no such control.</exception>
    public static T Read<T>(string? text) =>
        JsonSerializer.Deserialize<T>(text ?? "") ?? throw new JsonException($"an empty {typeof(T).Name}");
}
