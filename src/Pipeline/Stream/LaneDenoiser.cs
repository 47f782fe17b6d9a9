using StreamDiff.Models;
using StreamDiff.Models.Diffusion;
using static TorchSharp.torch;

namespace StreamDiff.Pipeline.Stream;

/// <summary>
/// The chunks of one stream through its lanes by hand, as published: a tick for each chunk that comes, of all rows that are ready. For what
/// looks at the lanes without a host around them; a run has a host.
/// </summary>
/// <param name="ticks">Runs them; stays the caller's.</param>
/// <param name="stream">The stream's lanes; taken over.</param>
/// <param name="admit">From a chunk's number and its clean latents to its noisy latents, which are taken over, and its settings.</param>
internal sealed class LaneDenoiser(
    TickQueue ticks, LaneStream stream, Func<long, LatentChunk, (Tensor Noisy, ChunkSettings Settings)> admit) : IChunkDenoiser, IDisposable
{
    private readonly Queue<LatentChunk> _fed = new();

    /// <inheritdoc/>
    public LatentChunk? Next(LatentChunk chunk)
    {
        using var scope = NewDisposeScope();
        var number = stream.NextChunk;
        var (noisy, settings) = admit(number, chunk);
        stream.Admit(noisy, settings, chunk.StartFrame);
        _fed.Enqueue(chunk);
        // On one lane a chunk goes through before the next; the first one does so always.
        while (stream.Options.OnOneLane || number == 0 ? !stream.IsIssued(number) : stream.NotBegun > 0)
            Tick();
        while (stream.Options.OnOneLane && ticks.InFlight > 0)
            ticks.Collect(wait: true);
        return More();
    }

    /// <inheritdoc/>
    public LatentChunk? More()
    {
        while (ticks.InFlight > 0 && ticks.Collect(wait: false))
        {
        }
        return stream.TryTake(out _, out var clean) ? _fed.Dequeue() with { Latents = clean.DetachFromDisposeScope() } : null;
    }

    /// <inheritdoc/>
    public LatentChunk? Flush()
    {
        using var scope = NewDisposeScope();
        while (_fed.Count > 0)
        {
            if (More() is { } chunk)
                return chunk;
            Tick();
        }
        return null;
    }

    public void Dispose()
    {
        try
        {
            // Others may use the same ticks later, and take their own results.
            while (ticks.InFlight > 0)
                ticks.Collect(wait: true);
        }
        catch (ModelException)
        {
            // Nothing is left to compute with, and so nothing of this stream.
        }
        stream.Dispose();
    }

    private void Tick()
    {
        while (!ticks.HasRoom)
            ticks.Collect(wait: true);
        // Chunks of different lengths cannot share a tick: the oldest goes first.
        var ready = stream.Ready;
        var rows = ready.Where(r => r.Frames == ready[0].Frames).ToList();
        if (rows.Count > 0)
            ticks.Issue([.. rows.Select(r => (stream, r))]);
        else if (ticks.InFlight > 0)
            ticks.Collect(wait: true);
    }
}
