using StreamDiff.Bench.Reports;
using StreamDiff.Pipeline.Live;
using StreamDiff.Scheduling.Statistics;

namespace StreamDiff.Bench.Latency;

/// <summary>
/// Where a chunk's time went from the arrival of its newest frame to the hand-over of its first: the parts follow each other without a gap.
/// </summary>
public static class StageShares
{
    private static readonly (string Name, ChunkEvent From, ChunkEvent To)[] Parts =
    [
        ("waiting for the encoder", ChunkEvent.Complete, ChunkEvent.EncodeBegins),
        ("VAE encode", ChunkEvent.EncodeBegins, ChunkEvent.EncodeEnds),
        ("waiting for the denoiser", ChunkEvent.EncodeEnds, ChunkEvent.DenoiseBegins),
        ("denoise", ChunkEvent.DenoiseBegins, ChunkEvent.DenoiseEnds),
        ("waiting for the decoder", ChunkEvent.DenoiseEnds, ChunkEvent.DecodeBegins),
        ("VAE decode", ChunkEvent.DecodeBegins, ChunkEvent.DecodeEnds),
        ("hand-over", ChunkEvent.DecodeEnds, ChunkEvent.Given),
    ];

    /// <summary>From the first complete chunk received to the first frame handed over, and its parts.</summary>
    /// <param name="first">Event times of the first chunk.</param>
    /// <param name="prefix">Such as "first frame".</param>
    public static IEnumerable<Figure> FirstFrame(IReadOnlyList<TimeSpan> first, string prefix) =>
        Parts.Select(p => Figure.Once($"{prefix}: {p.Name}", "ms", Better.None, Milliseconds(first, p.From, p.To)))
            .Prepend(Figure.Once(prefix, "ms", Better.Lower, Milliseconds(first, ChunkEvent.Complete, ChunkEvent.Given)));

    /// <summary>
    /// Median of each part over chunks; nothing where no chunk passed a full batch. The stay in a stream batch is split: ticks, and waiting
    /// for the later chunks that push a chunk on.
    /// </summary>
    /// <param name="chunks">Event times of all chunks from the first one.</param>
    /// <param name="delay">Chunks that must come before one leaves the batch: steps - 1, or 0 without a batch.</param>
    /// <param name="from">Chunks complete before this are left out, unless there are no others.</param>
    public static IEnumerable<Figure> Chunks(IReadOnlyList<IReadOnlyList<TimeSpan>> chunks, int delay, TimeSpan from)
    {
        // While the batch fills, and at the end, ticks are missing.
        var whole = Enumerable.Range(0, chunks.Count).Where(c => c > delay && c + delay < chunks.Count).ToList();
        var measured = whole.Where(c => chunks[c][(int)ChunkEvent.Complete] >= from).ToList();
        if (measured.Count == 0)
            measured = whole;
        return measured.Count == 0 ? [] : Parts.SelectMany(Split)
            .Select(p => Figure.Once($"chunk: {p.Name}", "ms", Better.None, Distribution.Median(measured.Select(p.Of))));

        IEnumerable<(string Name, Func<int, double> Of)> Split((string Name, ChunkEvent From, ChunkEvent To) part)
        {
            var isBatch = part.From == ChunkEvent.DenoiseBegins && delay > 0;
            if (isBatch)
                yield return ("waiting in the batch", c => Milliseconds(chunks[c], part.From, part.To) - Ticks(c));
            yield return (part.Name, c => isBatch ? Ticks(c) : Milliseconds(chunks[c], part.From, part.To));
        }

        // The tick that takes chunk i in is the one that lets chunk i - delay out.
        double Ticks(int chunk) => Enumerable.Range(chunk, delay + 1)
            .Sum(i => (chunks[i - delay][(int)ChunkEvent.DenoiseEnds] - chunks[i][(int)ChunkEvent.DenoiseBegins]).TotalMilliseconds);
    }

    private static double Milliseconds(IReadOnlyList<TimeSpan> chunk, ChunkEvent from, ChunkEvent to) =>
        (chunk[(int)to] - chunk[(int)from]).TotalMilliseconds;
}
