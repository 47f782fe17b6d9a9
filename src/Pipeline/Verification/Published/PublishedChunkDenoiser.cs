using StreamDiff.Pipeline.Stream;
using static TorchSharp.torch;

namespace StreamDiff.Pipeline.Verification.Published;

/// <summary>Denoises the chunks of one stream in order; each chunk goes in once and comes out once.</summary>
internal sealed class PublishedChunkDenoiser(StreamDenoiser denoiser, ChunkNoiser noiser) : IChunkDenoiser
{
    private readonly Queue<LatentChunk> _inFlight = new();
    private long[] _shape = [];
    private bool _started;

    /// <summary>
    /// Takes a chunk's latents (the caller still owns them); gives the chunk that is done, or null while the batch fills.
    /// </summary>
    public LatentChunk? Next(LatentChunk chunk)
    {
        using var scope = NewDisposeScope();
        var (noisy, timestep) = noiser.Apply(chunk.Latents, chunk.Motion);
        if (!_started)
        {
            _started = true;
            return chunk with { Latents = denoiser.Prepare(noisy).DetachFromDisposeScope() };
        }
        _shape = noisy.shape;
        _inFlight.Enqueue(chunk);
        return Tick(noisy, timestep);
    }

    /// <summary>After the last chunk: one of those still in flight, or null when there is none.</summary>
    public LatentChunk? Flush()
    {
        while (_inFlight.Count > 0)
        {
            using var scope = NewDisposeScope();
            if (Tick(noiser.PureNoise(_shape), null) is { } chunk)
                return chunk;
        }
        return null;
    }

    private LatentChunk? Tick(Tensor noisy, double? timestep)
    {
        var clean = denoiser.Next(noisy, timestep);
        // Chunks leave in the order in which they came; those before the first are what the empty batch held.
        if (_ticks++ < denoiser.Delay)
            return null;
        return _inFlight.Dequeue() with { Latents = clean.DetachFromDisposeScope() };
    }

    private long _ticks;
}
