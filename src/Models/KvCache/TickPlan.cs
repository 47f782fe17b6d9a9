using StreamDiff.Models.Wan.Layers;
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
/// What a tick does to the caches of all blocks, in the host's integers. Made before the tick, committed after it. The outcome of the sink
/// refresh is known to the device only until then: for every outcome that there can be the plan says what is written where.
/// </summary>
internal sealed class TickPlan : IDisposable
{
    private Func<int[]>? _refreshed;

    /// <summary>New tokens of each row.</summary>
    public required int Tokens { get; init; }

    internal required TickRow[] Rows { get; init; }

    internal required LaneStep[] Steps { get; init; }

    internal required RowGroup[] Groups { get; init; }

    /// <summary>Slot ends by block and row, from the host's queues.</summary>
    internal required int[][] WriteEnds { get; init; }

    /// <summary>
    /// By block and row, ends of single-frame slots in the order of time, for rows that write several frames into a full lane; null
    /// elsewhere.
    /// </summary>
    internal int[]?[][]? FrameEnds { get; init; }

    /// <summary>Rows whose sinks are compared; the device's refresh outcome is looked at for these.</summary>
    internal required bool ChecksSinks { get; init; }

    /// <summary>Thresholds of the rows' sinks; below every cosine where a row's sinks are not compared.</summary>
    internal required float[] Thresholds { get; init; }

    /// <summary>Sinks of each row's lane.</summary>
    internal required int[] SinkFrames { get; init; }

    /// <summary>Places of the slots in the window, by block, row, outcome and slot; without blocks where all are alike.</summary>
    internal required WindowPlaces Places { get; init; }

    /// <summary>What it does to the caches of streaming heads; null where there are none.</summary>
    internal StreamingPlan? Streaming { get; init; }

    /// <summary>
    /// What sinks are compared with, before the tick, one block after the other, float32 [blocks * 2 * lanes, sinks, dim]; null where they
    /// are not. A tick that came again would compare with what it wrote itself.
    /// </summary>
    internal required Tensor? SinkMeans { get; init; }

    /// <summary>The plan as tensors; null while nobody asked for them.</summary>
    internal PlanTensors? OnDevice { get; private set; }

    /// <summary>Rows whose write a refresh redirects.</summary>
    internal bool IsRedirectable(int row) => Steps[row] is { Full: true, ChecksSinks: true };

    /// <summary>Makes the plan's tensors, which live as long as it does.</summary>
    internal PlanTensors Upload(Device device, CacheGeometry geometry, KeyRotation rotation) =>
        OnDevice ??= new PlanTensors(this, device, geometry, rotation);

    /// <summary>The tick has been issued; what <paramref name="outcome"/> gives is waited for when the next tick is planned.</summary>
    internal void Refreshes(Func<int[]> outcome) => _refreshed = outcome;

    /// <summary>By block and row the sink that was refreshed, or -1; waits for the tick.</summary>
    internal int[] Refreshed() => _refreshed!();

    public void Dispose()
    {
        OnDevice?.Dispose();
        SinkMeans?.Dispose();
    }
}

/// <summary>What a tick does to the shorter caches of streaming heads.</summary>
/// <param name="First">Slots of the window's start that they hold.</param>
/// <param name="Frames">Slots that they hold in all.</param>
/// <param name="Groups">The plan's rows, with what these caches then hold.</param>
/// <param name="Writes">By block, row and outcome of the sinks' comparison.</param>
/// <param name="Places">Places in the window of what they hold.</param>
/// <param name="HoldsChunks">True where the new frames of every row are held; false where a chunk is longer than what is kept of
/// it.</param>
internal sealed record StreamingPlan(
    int First, int Frames, RowGroup[] Groups, StreamingWrite[][][] Writes, WindowPlaces Places, bool HoldsChunks);

/// <summary>Where the frames of a chunk go.</summary>
/// <param name="Slots">Their slots in the window, in the order of time.</param>
/// <param name="Ends">Ends of their slots in the shorter cache, in tokens; of two that are the same the later frame's counts.</param>
/// <param name="After">What is held then.</param>
internal sealed record StreamingWrite(int[] Slots, int[] Ends, StreamingSlots After);

/// <summary>Places of the window's slots.</summary>
/// <param name="Values">[blocks, rows, outcomes, window], flat.</param>
/// <param name="Blocks">Number of blocks, 1 where all are alike.</param>
/// <param name="Outcomes">1, or one more than there are sinks: none refreshed, then each.</param>
internal sealed record WindowPlaces(short[] Values, int Blocks, int Outcomes)
{
    /// <summary>The slots of one block and row, [outcomes, window].</summary>
    public ReadOnlySpan<short> Of(int block, int row, int rows, int window) =>
        Values.AsSpan(((Blocks > 1 ? block : 0) * rows + row) * Outcomes * window, Outcomes * window);
}

/// <summary>A <see cref="TickPlan"/> as small tensors, for operators of ATen.</summary>
internal sealed class PlanTensors : IDisposable
{
    public PlanTensors(TickPlan plan, Device device, CacheGeometry geometry, KeyRotation rotation)
    {
        var rows = plan.Rows.Length;
        if (rotation == KeyRotation.Relative)
        {
            Places = Own(Of(plan.Places, geometry.WindowFrames));
            if (plan.Streaming is { } streaming)
                StreamingPlaces = Own(Of(streaming.Places, streaming.Frames));
        }
        if (!plan.ChecksSinks)
            return;
        LaneIndex = Own(tensor(Array.ConvertAll(plan.Rows, r => (long)r.Lane), device: device));
        Redirectable = Own(tensor(Enumerable.Range(0, rows).Select(plan.IsRedirectable).ToArray(), device: device));
        Thresholds = Own(tensor(plan.Thresholds, device: device));
        FromEnd = Own(arange(Scalars.Of(plan.Tokens), Scalars.Of(0), Scalars.Of(-1), dtype: ScalarType.Int64, device: device));
        var ends = new long[plan.WriteEnds.Length, rows];
        for (var block = 0; block < plan.WriteEnds.Length; block++)
            for (var row = 0; row < rows; row++)
                ends[block, row] = plan.WriteEnds[block][row];
        WriteEnds = Own(tensor(ends, device: device));
        Refreshed = Own(empty([plan.WriteEnds.Length, rows], ScalarType.Int64, device));
        if (plan.Streaming is { } split)
            StreamingEnds = Own(tensor(
                split.Writes.SelectMany(block => block.SelectMany(row => row.Select(write => (long)write.Ends[^1]))).ToArray(),
                [plan.WriteEnds.Length, rows, plan.Places.Outcomes], device: device));
        var noSinks = new bool[rows, geometry.SinkFrames];
        for (var row = 0; row < rows; row++)
            for (var sink = plan.SinkFrames[row]; sink < geometry.SinkFrames; sink++)
                noSinks[row, sink] = true;
        if (Array.Exists(plan.SinkFrames, sinks => sinks < geometry.SinkFrames))
            NoSinks = Own(tensor(noSinks, device: device));

        Tensor Of(WindowPlaces places, int frames) => tensor(
            Array.ConvertAll(places.Values, p => (long)p), [places.Blocks, rows, places.Outcomes, frames], device: device);
    }

    /// <summary>int64 [blocks or 1, rows, outcomes, window]; null where keys are not rotated when they are read.</summary>
    public Tensor? Places { get; }

    /// <summary>The same for streaming heads; null where there are none.</summary>
    public Tensor? StreamingPlaces { get; }

    /// <summary>int64 [rows]; this and the following only where sinks are compared.</summary>
    public Tensor? LaneIndex { get; }

    /// <summary>bool [rows], see <see cref="TickPlan.IsRedirectable"/>.</summary>
    public Tensor? Redirectable { get; }

    /// <summary>float32 [rows].</summary>
    public Tensor? Thresholds { get; }

    /// <summary>bool [rows, sinks], frames that are no sinks of the row's lane; null where all are.</summary>
    public Tensor? NoSinks { get; }

    /// <summary>int64 [tokens]: tokens, tokens-1, … 1, the distance of each new token from the slot's end.</summary>
    public Tensor? FromEnd { get; }

    /// <summary>int64 [blocks, rows].</summary>
    public Tensor? WriteEnds { get; }

    /// <summary>int64 [blocks, rows, outcomes], of streaming heads; null where there are none.</summary>
    public Tensor? StreamingEnds { get; }

    /// <summary>int64 [blocks, rows]: the sink that was refreshed, or -1. Written during the tick.</summary>
    public Tensor? Refreshed { get; }

    /// <summary>Waits for the tick.</summary>
    public int[] ReadRefreshed()
    {
        using var outcome = Refreshed!.cpu();
        var values = Native.TensorMemory.Span<long>(outcome);
        var refreshed = new int[values.Length];
        for (var i = 0; i < refreshed.Length; i++)
            refreshed[i] = (int)values[i];
        return refreshed;
    }

    public void Dispose()
    {
        foreach (var part in (Tensor?[])[Places, StreamingPlaces, LaneIndex, Redirectable, Thresholds, NoSinks, FromEnd, WriteEnds,
            StreamingEnds, Refreshed])
            part?.Dispose();
    }

    // Plans outlive whatever dispose scope their maker stands in.
    private static Tensor Own(Tensor tensor) => tensor.DetachFromDisposeScope();
}
