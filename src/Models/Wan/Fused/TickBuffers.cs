using System.Runtime.InteropServices;
using StreamDiff.Models.Cuda;
using StreamDiff.Models.KvCache;
using StreamDiff.Models.Wan.Layers;
using StreamDiff.Models.Weights;
using TorchSharp;
using static TorchSharp.torch;

namespace StreamDiff.Models.Wan.Fused;

/// <summary>
/// What ticks of one shape read and write on the device, at places that never change, so that a recording can be replayed with the data of
/// another tick. What is new in a tick goes up in one copy: see <see cref="Write"/>.
/// </summary>
internal sealed class TickBuffers : IDisposable
{
    // The host may be a few ticks ahead of the device.
    private const int Staged = 4;
    private const int RowBytes = 8 * sizeof(int);
    private const int Alignment = 16;

    private readonly IKernels _kernels;
    private readonly TickShape _shape;
    private readonly Tensor _plan;
    private readonly Tensor _attended;
    private readonly Tensor _refreshed;
    private readonly IHostMemory[] _staging = new IHostMemory[Staged];
    private readonly IHostMemory _outcome;
    private readonly int _timesAt;
    private readonly int _endsAt;
    private readonly int _slotsAt;
    private readonly int _streamingAt;
    private readonly int _frameRowsAt;
    private readonly int _frameEndsAt;
    private int _next;

    public TickBuffers(IKernels kernels, TokenKernels token, TickShape shape, WanConfig config, Device device, ScalarType type)
    {
        (_kernels, _shape) = (kernels, shape);
        long count = shape.Rows * shape.Tokens;
        Tokens = Own(empty([count, config.Dim], type, device));
        Normal = Own(empty([count, config.Dim], type, device));
        if (config.Float8)
            Narrow = new LayerInput(
                Own(empty([count, config.Dim], Float8Rows.Type, device)), Own(empty([count, 1], ScalarType.Float32, device)));
        Queries = Own(empty([shape.Rows, shape.Tokens, config.Heads, config.HeadDim], type, device));
        _attended = Own(empty([count * config.Dim], type, device));
        Keys = Own(empty([shape.Rows, shape.Tokens, config.Heads, config.HeadDim], type, device));
        Modulation = Own(empty([shape.Rows, 1, 6, config.Dim], ScalarType.Float32, device));
        Fresh = Own(empty([Frames, 2, config.Dim], ScalarType.Float32, device));
        Partial = Own(empty([Frames, token.PartialSums(shape.Sinks)], ScalarType.Float32, device));
        Done = Own(zeros([Frames], ScalarType.Int32, device));
        _refreshed = Own(empty([Math.Max(shape.Blocks * shape.Rows, Frames)], ScalarType.Int32, device));

        _timesAt = Aligned(shape.Rows * RowBytes);
        _endsAt = Aligned(_timesAt + shape.Rows * shape.Frames * shape.TimePairs * 2 * sizeof(float));
        _slotsAt = Aligned(_endsAt + shape.Blocks * shape.Rows * sizeof(int));
        _streamingAt = Aligned(_slotsAt + shape.Blocks * SlotBytes);
        _frameRowsAt = Aligned(_streamingAt + shape.Blocks * StreamingSlotBytes);
        _frameEndsAt = Aligned(_frameRowsAt + Frames * RowBytes);
        var bytes = Aligned(_frameEndsAt + shape.Blocks * Frames * sizeof(int));
        _plan = Own(empty([bytes], ScalarType.Byte, device));
        for (var i = 0; i < Staged; i++)
            _staging[i] = kernels.Allocate(bytes);
        _outcome = kernels.Allocate(shape.Blocks * shape.Rows * sizeof(int));
    }

    /// <summary>[rows * tokens, dim].</summary>
    public Tensor Tokens { get; }

    /// <summary>[rows * tokens, dim], the last norm.</summary>
    public Tensor Normal { get; }

    /// <summary>The same for layers in float8; nothing where there are none.</summary>
    public LayerInput Narrow { get; }

    /// <summary>[rows, tokens, heads, head_dim].</summary>
    public Tensor Queries { get; }

    /// <summary>[rows, tokens, heads, head_dim].</summary>
    public Tensor Keys { get; }

    /// <summary>float32 [rows, 1, 6, dim].</summary>
    public Tensor Modulation { get; }

    /// <summary>float32 [new frames, 2, dim], means of new keys and values.</summary>
    public Tensor Fresh { get; }

    public Tensor Partial { get; }

    /// <summary>int32 [new frames], blocks of the sinks' comparison that are done.</summary>
    public Tensor Done { get; }

    /// <summary>Address of the rows' integers.</summary>
    public ulong Rows => Argument.Of(_plan);

    /// <summary>Address of the rotations in time, [rows, frames, pairs].</summary>
    public ulong Times => Argument.Of(_plan) + (ulong)_timesAt;

    /// <summary>Address of a block's slot ends, int32 [rows].</summary>
    public ulong Ends(int block) => Argument.Of(_plan) + (ulong)(_endsAt + block * _shape.Rows * sizeof(int));

    /// <summary>Address of a block's slots, [rows, outcomes, window].</summary>
    public ulong Slots(int block) => Argument.Of(_plan) + (ulong)(_slotsAt + block * SlotBytes);

    /// <summary>The same of its streaming heads, [rows, outcomes, frames that they hold].</summary>
    public ulong StreamingSlots(int block) => Argument.Of(_plan) + (ulong)(_streamingAt + block * StreamingSlotBytes);

    /// <summary>Address of a block's refreshed sinks, int32 [rows].</summary>
    public ulong Refreshed(int block) => Argument.Of(_refreshed) + (ulong)(block * _shape.Rows * sizeof(int));

    /// <summary>Address of integers as the rows', of each new frame: for those that are compared with nothing.</summary>
    public ulong FrameRows => Argument.Of(_plan) + (ulong)_frameRowsAt;

    /// <summary>Address of a block's slot ends of each new frame, int32 [rows * frames].</summary>
    public ulong FrameEnds(int block) => Argument.Of(_plan) + (ulong)(_frameEndsAt + block * Frames * sizeof(int));

    /// <summary>Address where outcomes of comparisons with no sinks may go, int32 [rows * frames].</summary>
    public ulong NoOutcome => Argument.Of(_refreshed);

    private int Frames => _shape.Rows * _shape.Frames;

    private int SlotBytes => _shape.Rows * _shape.Outcomes * _shape.Window * 2 * sizeof(short);

    private int StreamingSlotBytes => _shape.Rows * _shape.Outcomes * _shape.StreamingFrames * 2 * sizeof(short);

    /// <summary>The plan that was sent up last.</summary>
    public TickPlan? Plan { get; private set; }

    /// <summary>Where attention of some heads goes when it is apart from a recording, [rows, tokens, heads, head_dim].</summary>
    /// <param name="first">First of the heads.</param>
    /// <param name="heads">How many.</param>
    /// <param name="width">Of a head.</param>
    public Tensor Attended(int first, int heads, long width)
    {
        long perHead = _shape.Rows * _shape.Tokens * width;
        return _attended.narrow(0, first * perHead, heads * perHead).view(_shape.Rows, _shape.Tokens, heads, width);
    }

    /// <summary>Sends up what the plan says.</summary>
    /// <param name="plan">Of this shape.</param>
    /// <param name="pool">Says by which places cached keys are turned already.</param>
    /// <param name="rotary">Rotations.</param>
    /// <param name="firstFrames">Position in time of each row's first frame.</param>
    public unsafe void Write(TickPlan plan, KvCachePool pool, RotaryEmbedding3D rotary, ReadOnlySpan<long> firstFrames)
    {
        Plan = plan;
        var frameTokens = pool.Geometry.FrameTokens;
        var memory = _staging[_next];
        _next = (_next + 1) % Staged;
        memory.Wait();
        var bytes = new Span<byte>((void*)memory.Address, memory.Bytes);
        var rows = MemoryMarshal.Cast<byte, int>(bytes[.._timesAt]);
        var times = MemoryMarshal.Cast<byte, float>(bytes[_timesAt.._endsAt]);
        var ends = MemoryMarshal.Cast<byte, int>(bytes[_endsAt.._slotsAt]);
        for (var row = 0; row < _shape.Rows; row++)
        {
            var of = rows.Slice(row * 8, 8);
            of[0] = plan.Rows[row].Lane;
            of[1] = (plan.Steps[row].LocalEnd + frameTokens - 1) / frameTokens;
            of[2] = plan.SinkFrames[row];
            of[3] = plan.IsRedirectable(row) ? 1 : 0;
            of[4] = BitConverter.SingleToInt32Bits(plan.Thresholds[row]);
            of[5] = Math.Min(of[1], _shape.StreamingFrames);
            for (var frame = 0; frame < _shape.Frames; frame++)
                rotary.Time(firstFrames[row] + frame,
                    times.Slice((row * _shape.Frames + frame) * _shape.TimePairs * 2, _shape.TimePairs * 2));
            for (var frame = 0; frame < _shape.Frames; frame++)
            {
                // A lane, and no sinks to be compared with.
                var ofFrame = MemoryMarshal.Cast<byte, int>(bytes.Slice(_frameRowsAt, Frames * RowBytes))
                    .Slice((row * _shape.Frames + frame) * 8, 8);
                ofFrame.Clear();
                ofFrame[0] = plan.Rows[row].Lane;
            }
            for (var block = 0; block < _shape.Blocks; block++)
            {
                ends[block * _shape.Rows + row] = plan.WriteEnds[block][row];
                for (var frame = 0; frame < _shape.Frames; frame++)
                    MemoryMarshal.Cast<byte, int>(bytes[_frameEndsAt..])[block * Frames + row * _shape.Frames + frame] =
                        plan.FrameEnds?[block][row]?[frame] ?? plan.WriteEnds[block][row] - (_shape.Frames - 1 - frame) * frameTokens;
                var lane = plan.Rows[row].Lane;
                var slots = Slots(bytes, _slotsAt + block * SlotBytes, row, _shape.Window);
                FillPlaces(plan.Places.Of(block, row, _shape.Rows, _shape.Window), pool.Turned.Of(lane, block), slots);
                FillFrames(plan, block, row, frameTokens, slots);
                if (plan.Streaming is not { } streaming)
                    continue;
                slots = Slots(bytes, _streamingAt + block * StreamingSlotBytes, row, _shape.StreamingFrames);
                FillPlaces(
                    streaming.Places.Of(block, row, _shape.Rows, _shape.StreamingFrames), pool.StreamingTurned!.Of(lane, block), slots);
                for (var outcome = 0; outcome < _shape.Outcomes; outcome++)
                    FillFrames(streaming.Writes[block][row][outcome].Ends, frameTokens,
                        slots.Slice(outcome * _shape.StreamingFrames * 2, _shape.StreamingFrames * 2));
            }
        }
        _kernels.Upload(memory, _plan);
    }

    /// <summary>Brings down which sinks were refreshed; what it gives waits for the tick.</summary>
    public unsafe Func<int[]> Outcome()
    {
        _kernels.Download(_refreshed, _outcome);
        return () =>
        {
            _outcome.Wait();
            return new Span<int>((void*)_outcome.Address, _shape.Blocks * _shape.Rows).ToArray();
        };
    }

    public void Dispose()
    {
        foreach (var memory in _staging)
            memory.Dispose();
        _outcome.Dispose();
        foreach (var part in (Tensor[])[Tokens, Normal, Queries, Keys, _attended, Modulation, Fresh, Partial, Done, _refreshed, _plan])
            part.Dispose();
        Narrow.Values?.Dispose();
        Narrow.Scales?.Dispose();
    }

    private Span<short> Slots(Span<byte> bytes, int at, int row, int frames) => MemoryMarshal.Cast<byte, short>(
        bytes[(at + row * _shape.Outcomes * frames * 2 * sizeof(short))..])[..(_shape.Outcomes * frames * 2)];

    // Place of each slot for every outcome of the sinks' comparison, and -2 where its keys are turned by it already, -1 elsewhere.
    private static void FillPlaces(ReadOnlySpan<short> places, ReadOnlySpan<short> turned, Span<short> slots)
    {
        for (var i = 0; i < places.Length; i++)
        {
            slots[2 * i] = places[i];
            slots[2 * i + 1] = places[i] == turned[i % turned.Length] ? (short)-2 : (short)-1;
        }
    }

    // The new frame that is written into a slot.
    private static void FillFrames(ReadOnlySpan<int> ends, int frameTokens, Span<short> slots)
    {
        for (var frame = 0; frame < ends.Length; frame++)
            slots[2 * (ends[frame] / frameTokens - 1) + 1] = (short)frame;
    }

    private void FillFrames(TickPlan plan, int block, int row, int frameTokens, Span<short> slots)
    {
        Span<int> ends = stackalloc int[_shape.Frames];
        for (var outcome = 0; outcome < _shape.Outcomes; outcome++)
        {
            var of = slots.Slice(outcome * _shape.Window * 2, _shape.Window * 2);
            if (plan.FrameEnds?[block][row] is { } given)
            {
                FillFrames(given, frameTokens, of);
                continue;
            }
            var end = outcome > 0 && plan.IsRedirectable(row) ? outcome * frameTokens : plan.WriteEnds[block][row];
            for (var frame = 0; frame < ends.Length; frame++)
                ends[frame] = end - (ends.Length - 1 - frame) * frameTokens;
            FillFrames(ends, frameTokens, of);
        }
    }

    private static int Aligned(int bytes) => (bytes + Alignment - 1) / Alignment * Alignment;

    private static Tensor Own(Tensor tensor) => tensor.DetachFromDisposeScope();
}

/// <summary>What decides where a tick's data lies.</summary>
/// <param name="Rows">Rows.</param>
/// <param name="Tokens">New tokens of a row.</param>
/// <param name="Frames">New frames of a row.</param>
/// <param name="Blocks">Blocks of the range.</param>
/// <param name="Outcomes">Outcomes of the sinks' comparison, 1 where there is none.</param>
/// <param name="Window">Frames of the window.</param>
/// <param name="Sinks">Sinks of the cache.</param>
/// <param name="TimePairs">Pairs of a head that turn with time.</param>
/// <param name="StreamingFrames">Frames that streaming heads hold, 0 where there are none.</param>
internal readonly record struct TickShape(
    int Rows, int Tokens, int Frames, int Blocks, int Outcomes, int Window, int Sinks, int TimePairs, int StreamingFrames = 0);
