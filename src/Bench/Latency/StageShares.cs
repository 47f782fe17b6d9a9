using StreamDiff.Bench.Reports;
using StreamDiff.Pipeline.Host;
using StreamDiff.Scheduling.Statistics;

namespace StreamDiff.Bench.Latency;

/// <summary>
/// Where a chunk's time went from the arrival of its newest frame to the hand-over of its first: the parts follow each other without a gap.
/// </summary>
internal static class StageShares
{
    private static readonly (string Name, ChunkStage Stage)[] Parts =
    [
        ("waiting for the encoder", ChunkStage.EncodeWait),
        ("VAE encode", ChunkStage.Encode),
        ("waiting for the denoiser", ChunkStage.AdmitWait),
        ("denoise", ChunkStage.Denoise),
        ("waiting for the decoder", ChunkStage.DecodeWait),
        ("VAE decode", ChunkStage.Decode),
        ("hand-over", ChunkStage.HandOver),
    ];

    /// <summary>From the first complete chunk received to the first frame handed over, and its parts.</summary>
    /// <param name="first">The first chunk.</param>
    /// <param name="prefix">Such as "first frame".</param>
    public static IEnumerable<Figure> FirstFrame(ChunkTrace first, string prefix)
    {
        var (complete, given) = (first.End(ChunkStage.Collect), first.End(ChunkStage.HandOver));
        yield return Figure.Once(prefix, "ms", Better.Lower, Milliseconds(complete, given));
        foreach (var (name, stage) in Parts)
            yield return Figure.Once($"{prefix}: {name}", "ms", Better.None, first.Length(stage).TotalMilliseconds);
    }

    /// <summary>
    /// Median of each part over chunks; nothing where no chunk passed a full batch. The stay in a stream batch is split: ticks, and waiting
    /// for the later chunks that push a chunk on.
    /// </summary>
    /// <param name="chunks">All chunks from the first one.</param>
    /// <param name="delay">Chunks that must come before one leaves the batch: steps - 1, or 0 without a batch.</param>
    /// <param name="from">Chunks complete before this are left out, unless there are no others.</param>
    public static IEnumerable<Figure> Chunks(IReadOnlyList<ChunkTrace> chunks, int delay, TimeSpan from)
    {
        // While the batch fills, and at the end, ticks are missing.
        var whole = Enumerable.Range(0, chunks.Count).Where(c => c > delay && c + delay < chunks.Count).ToList();
        var measured = whole.Where(c => chunks[c].End(ChunkStage.Collect) >= from).ToList();
        if (measured.Count == 0)
            measured = whole;
        if (measured.Count == 0)
            return [];
        return Parts.SelectMany(Split)
            .Select(p => Figure.Once($"chunk: {p.Name}", "ms", Better.None, Distribution.Median(measured.Select(p.Of))));

        IEnumerable<(string Name, Func<int, double> Of)> Split((string Name, ChunkStage Stage) part)
        {
            var isBatch = part.Stage == ChunkStage.Denoise && delay > 0;
            if (isBatch)
                yield return ("waiting in the batch", c => chunks[c].Length(part.Stage).TotalMilliseconds - Ticks(c));
            yield return (part.Name, c => isBatch ? Ticks(c) : chunks[c].Length(part.Stage).TotalMilliseconds);
        }

        // The tick that takes chunk i in is the one that lets chunk i - delay out.
        double Ticks(int chunk) => Enumerable.Range(chunk, delay + 1)
            .Sum(i => Milliseconds(chunks[i].End(ChunkStage.AdmitWait), chunks[i - delay].End(ChunkStage.Denoise)));
    }

    private static double Milliseconds(TimeSpan from, TimeSpan to) => (to - from).TotalMilliseconds;
}
