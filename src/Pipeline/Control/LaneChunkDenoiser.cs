using StreamDiff.Models.Diffusion;
using StreamDiff.Models.Wan;
using StreamDiff.Pipeline.Chunking;
using StreamDiff.Pipeline.Denoising;
using StreamDiff.Pipeline.Noising;
using TorchSharp;
using static TorchSharp.torch;

namespace StreamDiff.Pipeline.Control;

/// <summary>
/// Denoises the chunks of one stream whose settings change while it runs. A chunk keeps the settings it began with; nothing is drained or fed twice, so no frame is
/// missing, black or stale. One tick of everything that is ready for each chunk (in sequential mode as many as the chunk needs): which ticks run
/// depends on the chunks alone, so that a session can be repeated bit for bit.
/// </summary>
public sealed class LaneChunkDenoiser : IChunkDenoiser, IDisposable
{
    private readonly CausalWanModel _model;
    private readonly LaneStream _stream;
    private readonly StreamSteering _steering;
    private readonly StreamNoise _noise;
    private readonly IReadOnlyList<double> _timesteps;
    private readonly bool _sequential;
    private readonly Queue<Fed> _fed = new();
    private SharedPrompt? _prompt;

    /// <param name="model">Holds all blocks; stays the caller's.</param>
    /// <param name="stream">The stream's lanes; taken over.</param>
    /// <param name="steering">Its settings from chunk to chunk; stays the caller's.</param>
    /// <param name="noise">Its noise; stays the caller's.</param>
    /// <param name="timesteps">Of all denoising steps that there are; chunks take the first of them.</param>
    /// <param name="sequential">True finishes each chunk before the next one begins.</param>
    internal LaneChunkDenoiser(CausalWanModel model, LaneStream stream, StreamSteering steering, StreamNoise noise, IReadOnlyList<double> timesteps, bool sequential) =>
        (_model, _stream, _steering, _noise, _timesteps, _sequential) = (model, stream, steering, noise, timesteps, sequential);

    /// <inheritdoc/>
    public LatentChunk? Next(LatentChunk chunk)
    {
        using var scope = NewDisposeScope();
        _steering.Begin(chunk.Timing);
        // Before the first chunk there is no picture to hold.
        if (_steering.State.IsPaused && _stream.NextChunk > 0)
        {
            _fed.Enqueue(new Fed(chunk, null));
            Tick();
        }
        else
        {
            Admit(chunk);
        }
        return More();
    }

    /// <inheritdoc/>
    public LatentChunk? More()
    {
        if (!_fed.TryPeek(out var first))
            return null;
        if (first.Prompt is null)
            return _fed.Dequeue().Chunk with { Latents = empty(0).DetachFromDisposeScope(), IsHeld = true };
        if (!_stream.TryTake(out _, out var clean))
            return null;
        first.Prompt.Dispose();
        return _fed.Dequeue().Chunk with { Latents = clean.DetachFromDisposeScope() };
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
        foreach (var fed in _fed)
            fed.Prompt?.Dispose();
        _prompt?.Dispose();
        _stream.Dispose();
    }

    private void Admit(LatentChunk chunk)
    {
        if (_steering.NextPrompt() || _prompt is null)
        {
            _prompt?.Dispose();
            _prompt = new SharedPrompt(_model.EncodePrompt(_steering.Prompt));
        }
        var state = _steering.State;
        var number = _stream.NextChunk;
        var (noisy, first) = _noise.Apply(state, number, chunk.Latents, chunk.Motion);
        double[] timesteps = [.. _timesteps.Take(state.Steps)];
        timesteps[0] = first ?? timesteps[0];
        var settings = new ChunkSettings(_prompt.Context, timesteps) { Seed = state.Seed, SinkFrames = state.SinkFrames, SinkThreshold = state.SinkThreshold };
        _stream.Admit(noisy, settings);
        _fed.Enqueue(new Fed(chunk, _prompt.Share()));
        // The first chunk shares a lane with nobody, and one with more steps than those before waits until they are done. Left waiting, they would keep all later ones back for ever.
        var alone = _sequential || number == 0;
        while (!Tick().Any(r => r.Chunk == number && (!alone || _stream.Ready.Count == 0)))
        {
        }
    }

    // Chunks of different lengths cannot share a tick: the oldest goes first.
    private ReadyRow[] Tick()
    {
        var ready = _stream.Ready;
        ReadyRow[] rows = [.. ready.Where(r => r.Frames == ready[0].Frames)];
        if (rows.Length > 0)
            LaneTick.Run(_model, [.. rows.Select(r => (_stream, r))]);
        return rows;
    }

    /// <param name="Chunk">Its latents are not used any more.</param>
    /// <param name="Prompt">What it follows; null for a chunk that shows the last picture.</param>
    private readonly record struct Fed(LatentChunk Chunk, SharedPrompt? Prompt);
}
