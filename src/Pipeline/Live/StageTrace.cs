using System.Collections.Concurrent;

namespace StreamDiff.Pipeline.Live;

/// <summary>Where a chunk is on its way through the model.</summary>
public enum ChunkEvent
{
    /// <summary>Its last frame has arrived.</summary>
    Complete,
    EncodeBegins,
    EncodeEnds,
    DenoiseBegins,
    DenoiseEnds,
    DecodeBegins,
    DecodeEnds,

    /// <summary>Its first frame is handed over.</summary>
    Given,
}

/// <summary>When each chunk passed each stage, for measurements. On a GPU stages end for the host when their work is issued; what waits for the device is the decoder.</summary>
public sealed class StageTrace(LiveClock clock)
{
    private readonly ConcurrentDictionary<long, TimeSpan[]> _chunks = new();

    /// <summary>Chunks handed over, in order: the time of each <see cref="ChunkEvent"/>.</summary>
    public IReadOnlyList<IReadOnlyList<TimeSpan>> Finished => [.. _chunks.OrderBy(c => c.Key).Select(c => c.Value).Where(t => t[(int)ChunkEvent.Given] > TimeSpan.Zero)];

    /// <summary>Notes an event now.</summary>
    public void Mark(long chunk, ChunkEvent happened) => Mark(chunk, happened, clock.Now);

    public void Mark(long chunk, ChunkEvent happened, TimeSpan at) =>
        _chunks.GetOrAdd(chunk, _ => new TimeSpan[Enum.GetValues<ChunkEvent>().Length])[(int)happened] = at;
}
