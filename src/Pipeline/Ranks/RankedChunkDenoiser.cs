using System.Diagnostics;
using StreamDiff.Models.Diffusion;
using StreamDiff.Models.Native;
using StreamDiff.Pipeline.Chunking;
using StreamDiff.Pipeline.Denoising;
using StreamDiff.Pipeline.Noising;
using StreamDiff.Transport.Links;
using TorchSharp;
using static TorchSharp.torch;

namespace StreamDiff.Pipeline.Ranks;

/// <summary>
/// Denoises the chunks of one stream on a ring of ranks, with the output of one rank. When a rank is lost the ring is formed anew by those that are left, the
/// caches are rebuilt from the last chunks, and what was in flight is fed again: no chunk is lost, the stream continues after a pause.
/// </summary>
public sealed class RankedChunkDenoiser : IChunkDenoiser, IDisposable
{
    private const int MostAttempts = 5;

    private readonly RankRing _ring;
    private readonly RankBalancer? _balancer;
    private readonly ChunkNoiser _noiser;
    private readonly INoiseSource _noise;
    private readonly DenoiserOptions _options;
    private readonly bool _batch;
    private readonly Device _resultDevice;
    private readonly Queue<Fed> _inFlight = new();
    private readonly Queue<Tensor> _context = new();
    private readonly Queue<LatentChunk> _ready = new();
    private Tensor _prompt;
    private RingDenoiser? _denoiser;
    private long[] _shape = [];
    private int _flushed;
    private int _attempts;

    /// <param name="ring">Formed; stays the caller's.</param>
    /// <param name="noiser">Mixes noise into the latents.</param>
    /// <param name="noise">The stream's noise, on the CPU; stays the caller's.</param>
    /// <param name="options">How the stream is denoised.</param>
    /// <param name="batch">Stream batch, or the steps of each chunk one after the other.</param>
    /// <param name="prompt">Embeddings [1, tokens, text_dim]; taken over.</param>
    /// <param name="resultDevice">Where clean latents are wanted.</param>
    /// <param name="balancer">Spreads the blocks by what is measured; null leaves them where they are.</param>
    public RankedChunkDenoiser(
        RankRing ring, ChunkNoiser noiser, INoiseSource noise, DenoiserOptions options, bool batch, Tensor prompt, Device resultDevice, RankBalancer? balancer = null)
    {
        (_ring, _noiser, _noise, _options, _batch, _resultDevice, _balancer) = (ring, noiser, noise, options, batch, resultDevice, balancer);
        _prompt = prompt.DetachFromDisposeScope();
    }

    // A row goes one tick less than there are in flight behind the row before it, and the last tick is waited for when no other may be sent.
    public int? MostInFlight => _batch ? _ring.MostDepth + (_options.Timesteps.Count - 1) * (_ring.MostDepth - 1) + 1 : null;

    /// <summary>How often the ring had to be formed anew.</summary>
    public int Recoveries { get; private set; }

    /// <summary>Chunks fed from now on, and those in flight in their next steps, follow another prompt, as on one rank. Between two calls of <see cref="Next"/>.</summary>
    /// <param name="embeddings">[1, tokens, text_dim]; taken over.</param>
    public void ChangePrompt(Tensor embeddings)
    {
        _prompt.Dispose();
        _prompt = embeddings.DetachFromDisposeScope();
        if (_denoiser is not null)
            Guarded(() =>
            {
                _denoiser!.ChangePrompt(_prompt);
                return true;
            });
    }

    public LatentChunk? Next(LatentChunk chunk)
    {
        using var scope = NewDisposeScope();
        var (noisy, timestep) = _noiser.Apply(chunk.Latents.cpu(), chunk.Motion);
        if (_context.Count == 0)
        {
            var clean = Guarded(() => Open().Prepare(noisy));
            Remember(noisy);
            return Finished(chunk, clean);
        }
        _shape = noisy.shape;
        _inFlight.Enqueue(new Fed(chunk, noisy.alias().DetachFromDisposeScope(), timestep));
        Guarded(() => Feed(noisy, timestep));
        return More();
    }

    public LatentChunk? More() => _ready.TryDequeue(out var ready) ? ready : null;

    public LatentChunk? Flush()
    {
        while (_ready.Count == 0 && _inFlight.Count > 0)
            Guarded(PushOut);
        return More();
    }

    public void Dispose()
    {
        _denoiser?.Dispose();
        foreach (var fed in _inFlight)
            fed.Noisy.Dispose();
        foreach (var noisy in _context)
            noisy.Dispose();
        foreach (var chunk in _ready)
            chunk.Dispose();
        _prompt.Dispose();
    }

    // The noise of one rank: as many ticks of pure noise as it needs to empty its batch.
    private bool PushOut()
    {
        if (_batch && _flushed < _options.Timesteps.Count - 1)
        {
            _flushed++;
            using var noise = _noiser.PureNoise(_shape);
            return Feed(noise, null);
        }
        var denoiser = _denoiser!;
        if (!denoiser.Drain() && _inFlight.Count > 0 && !Collect())
            throw new InvalidOperationException($"{_inFlight.Count} chunks went into the ring and did not come out");
        return Collect();
    }

    private RingDenoiser Open()
    {
        _denoiser?.Dispose();
        _denoiser = null;
        _denoiser = new RingDenoiser(_ring, _noise, _options, _batch);
        _denoiser.SendPrompt(0, _prompt);
        return _denoiser;
    }

    private bool Feed(Tensor noisy, double? timestep)
    {
        _balancer?.Look(_ring);
        _denoiser!.Feed(noisy, null, timestep);
        return Collect();
    }

    private bool Collect()
    {
        var any = false;
        while (_inFlight.Count > 0 && _denoiser!.TakeFinished() is { } clean)
        {
            var fed = _inFlight.Dequeue();
            Remember(fed.Noisy);
            fed.Noisy.Dispose();
            _ready.Enqueue(Finished(fed.Chunk, clean));
            _attempts = 0;
            any = true;
        }
        return any;
    }

    private LatentChunk Finished(LatentChunk chunk, Tensor clean)
    {
        using (clean)
            return chunk with { Latents = clean.to(_resultDevice, copy: true).DetachFromDisposeScope() };
    }

    // The last chunks as they went in: what the caches are rebuilt from.
    private void Remember(Tensor noisy)
    {
        _context.Enqueue(noisy.alias().DetachFromDisposeScope());
        while (_context.Count > 1 && _context.Skip(1).Sum(t => t.size(1)) >= Math.Max(1, _options.Geometry.WindowFrames - 1))
            _context.Dequeue().Dispose();
    }

    private T Guarded<T>(Func<T> work)
    {
        if (_ring.HasReturned && _denoiser is not null)
            Recover("a rank is back");
        while (true)
        {
            try
            {
                return work();
            }
            catch (Exception e) when (e is RankFailedException or LinkException)
            {
                Recover(e.Message);
                // The chunk was in flight already, and has been fed again.
                if (typeof(T) == typeof(bool))
                    return default!;
            }
        }
    }

    private void Recover(string reason)
    {
        var started = Stopwatch.GetTimestamp();
        _ring.Log?.Invoke($"rebuilding the stream: {reason}");
        while (true)
        {
            if (++_attempts > MostAttempts)
                throw new PipelineException("ranks", _inFlight.TryPeek(out var first) ? first.Chunk.Index : 0, new LinkException($"given up after {MostAttempts} attempts: {reason}"));
            try
            {
                _ring.Form();
                Recoveries++;
                if (_context.Count > 0)
                    Rebuild();
                // What the lost ring held would stay with the process.
                NativeHeap.Trim();
                _ring.Log?.Invoke($"rebuilt on {_ring.Ranges.Count} ranks in {Stopwatch.GetElapsedTime(started).TotalMilliseconds:0} ms, {_inFlight.Count} chunks fed again");
                return;
            }
            catch (RankFailedException e)
            {
                reason = e.Message;
            }
            catch (LinkException e)
            {
                throw new PipelineException("ranks", _inFlight.TryPeek(out var first) ? first.Chunk.Index : 0, e);
            }
        }
    }

    private void Rebuild()
    {
        using var scope = NewDisposeScope();
        Open().Prepare(cat([.. _context], 1)).Dispose();
        foreach (var fed in _inFlight)
            _denoiser!.Feed(fed.Noisy, null, fed.Timestep);
        for (var i = 0; i < _flushed; i++)
            _denoiser!.Feed(_noiser.PureNoise(_shape), null, null);
    }

    private sealed record Fed(LatentChunk Chunk, Tensor Noisy, double? Timestep);
}
