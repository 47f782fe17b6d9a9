using TorchSharp;
using static TorchSharp.torch;

namespace StreamDiff.Models.KvCache;

/// <summary>One row of a tick: which cache lane it reads and writes, and where its chunk stands in time.</summary>
/// <param name="Lane">Lane of the pool.</param>
/// <param name="Position">Absolute position of the chunk's first token.</param>
/// <param name="SinkThreshold">Replaces the cache's own threshold where sinks adapt; null keeps it.</param>
/// <param name="SinkFrames">Frames that the lane keeps from now on, no more than the cache has sinks; null changes nothing.</param>
/// <param name="Visit">0 for a chunk that is new to the lane; above for a later step of the chunk that the lane saw last, which is written
/// over it.</param>
/// <param name="Visits">How many steps of the chunk the lane sees.</param>
public readonly record struct TickRow(
    int Lane, long Position, double? SinkThreshold = null, int? SinkFrames = null, int Visit = 0, int Visits = 1);

/// <summary>Rows of a tick whose lanes lie side by side and have the same number of valid tokens: they attend in one call.</summary>
internal readonly record struct RowGroup(int FirstRow, int FirstLane, int Rows, int LocalEnd);

/// <summary>
/// What a tick does to the caches of all blocks: the host's integers, and the same as small device tensors where the outcome of the sink
/// refresh decides on the device. Made before the tick, committed after it.
/// </summary>
internal sealed class TickPlan : IDisposable
{
    internal TickPlan(int tokens, TickRow[] rows, LaneStep[] steps, RowGroup[] groups)
    {
        Tokens = tokens;
        Rows = rows;
        Steps = steps;
        Groups = groups;
    }

    /// <summary>New tokens of each row.</summary>
    public int Tokens { get; }

    internal TickRow[] Rows { get; }

    internal LaneStep[] Steps { get; }

    internal RowGroup[] Groups { get; }

    /// <summary>Slot ends by block and row, from the host's queues.</summary>
    internal required int[][] WriteEnds { get; init; }

    /// <summary>
    /// By block and row, ends of single-frame slots in the order of time, for rows that write several frames into a full lane; null
    /// elsewhere.
    /// </summary>
    internal int[]?[][]? FrameEnds { get; init; }

    /// <summary>Rows whose sinks are compared; the device's refresh outcome is looked at for these.</summary>
    internal required bool ChecksSinks { get; init; }

    /// <summary>int64 [blocks, rows], device copy of <see cref="WriteEnds"/>; null unless sinks are compared.</summary>
    internal Tensor? WriteEndsOnDevice { get; init; }

    /// <summary>int64 [rows]; null unless sinks are compared.</summary>
    internal Tensor? LaneIndex { get; init; }

    /// <summary>bool [rows], true where the lane is full; null unless sinks are compared.</summary>
    internal Tensor? Redirectable { get; init; }

    /// <summary>float32 [rows], thresholds of the sinks; null where all rows keep the cache's own.</summary>
    internal Tensor? Thresholds { get; init; }

    /// <summary>bool [rows, sinks], frames that are no sinks of the row's lane; null where all are.</summary>
    internal Tensor? NoSinks { get; init; }

    /// <summary>
    /// int64 [tokens]: tokens, tokens-1, … 1, the distance of each new token from the slot's end; null unless sinks are compared.
    /// </summary>
    internal Tensor? FromEnd { get; init; }

    /// <summary>
    /// int64 [blocks or 1 where all are alike, rows, outcomes, window]: places of the slots, for no refresh and for the refresh of each
    /// sink; null unless keys rotate when read.
    /// </summary>
    internal Tensor? Places { get; init; }

    /// <summary>int64 [blocks, rows]: the sink that was refreshed, or -1. Written during the tick.</summary>
    internal Tensor? Refreshed { get; init; }

    public void Dispose()
    {
        LaneIndex?.Dispose();
        Redirectable?.Dispose();
        FromEnd?.Dispose();
        Thresholds?.Dispose();
        NoSinks?.Dispose();
        WriteEndsOnDevice?.Dispose();
        Places?.Dispose();
        Refreshed?.Dispose();
    }
}
