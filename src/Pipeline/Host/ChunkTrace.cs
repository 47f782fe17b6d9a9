using StreamDiff.Scheduling.Slo;

namespace StreamDiff.Pipeline.Host;

/// <summary>
/// Where a chunk's time goes, in the order of its way: the four of <see cref="FrameStage"/> with their waits by themselves.
/// </summary>
public enum ChunkStage
{
    /// <summary>From the capture of its first frame until its last one is there.</summary>
    Collect,

    /// <summary>Waiting for the encoder.</summary>
    EncodeWait,

    Encode,

    /// <summary>Waiting to be admitted to the transformer.</summary>
    AdmitWait,

    /// <summary>Its denoising steps, and the waits between them.</summary>
    Denoise,

    /// <summary>Waiting for the decoder.</summary>
    DecodeWait,

    Decode,

    /// <summary>Waiting to be handed over.</summary>
    HandOver,
}

/// <summary>When a chunk passed from stage to stage, on the host's clock. Written by one stage after the other.</summary>
internal sealed class ChunkTrace
{
    public static readonly int Stages = Enum.GetValues<ChunkStage>().Length;

    private readonly TimeSpan[] _ends = new TimeSpan[Stages];
    private int _passed;

    /// <param name="firstTaken">Capture of its first frame.</param>
    /// <param name="deadline">When that frame must be handed over.</param>
    /// <param name="form">As what it is computed.</param>
    public ChunkTrace(TimeSpan firstTaken, TimeSpan deadline, StreamForm form) =>
        (FirstTaken, Deadline, Form) = (firstTaken, deadline, form);

    public StreamForm Form { get; }

    public TimeSpan FirstTaken { get; }

    public TimeSpan Deadline { get; }

    /// <summary>What encoding took before the chunk's last frame was there, while it was collected. Default zero.</summary>
    public TimeSpan Prepared { get; set; }

    /// <summary>A stage has ended.</summary>
    public void Ended(ChunkStage stage, TimeSpan now)
    {
        // A stage that was skipped took no time.
        for (; _passed < (int)stage; _passed++)
            _ends[_passed] = _passed == 0 ? FirstTaken : _ends[_passed - 1];
        // When a device will have denoised it may be foretold, a little too late now and then: what follows does not end before that.
        _ends[_passed] = _passed > 0 && _ends[_passed - 1] > now ? _ends[_passed - 1] : now;
        _passed++;
    }

    public TimeSpan End(ChunkStage stage) => _ends[(int)stage];

    public TimeSpan Length(ChunkStage stage) => _ends[(int)stage] - (stage == ChunkStage.Collect ? FirstTaken : _ends[(int)stage - 1]);

    /// <summary>
    /// The same up to a time at which the chunk's first frame is handed over: what is decoded later does not count, nor is it known yet.
    /// </summary>
    public TimeSpan LengthUntil(ChunkStage stage, TimeSpan now) => stage switch
    {
        ChunkStage.Decode => now > End(ChunkStage.DecodeWait) ? now - End(ChunkStage.DecodeWait) : TimeSpan.Zero,
        ChunkStage.HandOver => TimeSpan.Zero,
        _ => Length(stage),
    };

    /// <summary>The way of one frame of the chunk, by <see cref="FrameStage"/>.</summary>
    /// <param name="taken">When the source took it.</param>
    /// <param name="now">When it is handed over, which may be before the chunk is decoded to its end.</param>
    public TimeSpan[] ByFrameStage(TimeSpan taken, TimeSpan now) =>
    [
        End(ChunkStage.EncodeWait) - taken,
        Length(ChunkStage.Encode),
        Length(ChunkStage.AdmitWait) + Length(ChunkStage.Denoise),
        now > End(ChunkStage.Denoise) ? now - End(ChunkStage.Denoise) : TimeSpan.Zero,
    ];
}
