using StreamDiff.Models;
using StreamDiff.Models.Diffusion;
using StreamDiff.Pipeline.Chunking;
using StreamDiff.Pipeline.Control;
using static TorchSharp.torch;

namespace StreamDiff.Pipeline.Denoising;

/// <summary>
/// Denoises the chunks of one stream in order, each of which goes in once and comes out once; settings may change from chunk to chunk. A chunk keeps the settings it began with; nothing
/// is drained or fed twice, so no frame is missing, black or stale. One tick for each chunk, of every row whose step before was issued so many ticks ago as may be in flight (on one
/// lane as many ticks as the chunk needs): which rows share a tick depends on the chunks alone, not on how fast anything was, so that a stream can be repeated bit for bit.
/// </summary>
public sealed class ChunkDenoiser : IChunkDenoiser, IDisposable
{
    private readonly TickQueue _ticks;
    private readonly LaneStream _stream;
    private readonly ChunkSteering _steering;
    private readonly int _lag;
    private readonly Queue<Fed> _fed = new();
    private readonly Dictionary<long, long> _lastTick = [];
    private readonly Queue<long> _flying = new();
    private long _tick;
    private int _recoveries;

    /// <param name="ticks">Runs them; stays the caller's.</param>
    /// <param name="stream">The stream's lanes; taken over.</param>
    /// <param name="steering">Its settings from chunk to chunk; stays the caller's.</param>
    /// <param name="lag">Ticks between two steps of a chunk; null for as many as can be in flight.</param>
    internal ChunkDenoiser(TickQueue ticks, LaneStream stream, ChunkSteering steering, int? lag = null)
    {
        (_ticks, _stream, _steering) = (ticks, stream, steering);
        _lag = lag ?? ticks.Runner.MostEverInFlight;
        _recoveries = ticks.Recoveries;
    }

    /// <summary>Ticks between two steps of a chunk.</summary>
    public int Lag => _lag;

    /// <inheritdoc/>
    public int MostInFlight => _stream.Options.OnOneLane ? 1 : _lag * _stream.Lanes + (_lag > 1 ? 1 : 0);

    /// <inheritdoc/>
    public LatentChunk? Next(LatentChunk chunk)
    {
        using var scope = NewDisposeScope();
        _steering.Begin(chunk.Timing);
        // Before the first chunk there is no frame to hold.
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
        while (Collect(wait: false))
        {
        }
        if (!_fed.TryPeek(out var first))
            return null;
        if (first.Prompt is null)
            return _fed.Dequeue().Chunk with { Latents = empty(0).DetachFromDisposeScope(), IsHeld = true };
        if (!_stream.TryTake(out var number, out var clean))
            return null;
        first.Prompt.Dispose();
        _lastTick.Remove(number);
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
        try
        {
            // Others may use the same ticks later, and take their own results.
            while (_flying.Count > 0 && _ticks.InFlight > 0)
                Collect(wait: true);
        }
        catch (ModelException)
        {
            // Nothing is left to compute with, and so nothing of this stream.
        }
        foreach (var fed in _fed)
            fed.Prompt?.Dispose();
        _stream.Dispose();
    }

    private void Admit(LatentChunk chunk)
    {
        var number = _stream.NextChunk;
        var (noisy, settings, prompt) = _steering.Admit(number, chunk, int.MaxValue);
        _fed.Enqueue(new Fed(chunk, prompt));
        _stream.Admit(noisy, settings, chunk.StartFrame);
        // On one lane a chunk goes through before the next; the first one does so always. One with more steps than those before waits until they are done: left waiting, it would keep
        // all later ones back for ever.
        var alone = _stream.Options.OnOneLane || number == 0;
        while (!(alone ? _stream.IsIssued(number) : _lastTick.ContainsKey(number)))
            Tick();
        while (_stream.Options.OnOneLane && _ticks.InFlight > 0)
            Collect(wait: true);
    }

    private void Tick()
    {
        while (_flying.TryPeek(out var oldest) && (oldest <= _tick - _lag || !_ticks.HasRoom))
            Collect(wait: true);
        var ready = _stream.Ready.Where(r => !_lastTick.TryGetValue(r.Chunk, out var last) || last <= _tick - _lag).ToList();
        // Chunks of different lengths cannot share a tick: the oldest goes first.
        var rows = ready.FindAll(r => r.Frames == ready[0].Frames);
        if (rows.Count > 0)
        {
            _ticks.Issue([.. rows.Select(r => (_stream, r))]);
            if (!WasRebuilt())
            {
                foreach (var row in rows)
                    _lastTick[row.Chunk] = _tick;
                _flying.Enqueue(_tick);
            }
        }
        _tick++;
    }

    private bool Collect(bool wait)
    {
        var taken = _ticks.Collect(wait);
        if (WasRebuilt())
            return false;
        if (taken)
            _flying.Dequeue();
        return taken;
    }

    // Chunks in flight have begun again.
    private bool WasRebuilt()
    {
        if (_recoveries == _ticks.Recoveries)
            return false;
        _recoveries = _ticks.Recoveries;
        _flying.Clear();
        _lastTick.Clear();
        return true;
    }

    /// <param name="Chunk">Its latents are not used any more.</param>
    /// <param name="Prompt">What it follows; null for a chunk that shows the last frame.</param>
    private readonly record struct Fed(LatentChunk Chunk, SharedPrompt? Prompt);
}
