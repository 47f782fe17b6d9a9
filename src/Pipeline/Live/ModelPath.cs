using StreamDiff.Pipeline.Chunking;
using StreamDiff.Pipeline.Decoding;
using StreamDiff.Pipeline.Stages;
using StreamDiff.Transport.Media;

namespace StreamDiff.Pipeline.Live;

/// <summary>
/// Pictures through the model: encode, denoise and decode each on a thread of its own. Only as many chunks are under way as the stages need to stay busy; what comes
/// meanwhile waits in a short queue that keeps the newest.
/// </summary>
internal sealed class ModelPath : ILivePath
{
    private const int FramesWaiting = Chunker.FramesPerLatent;
    private const int Stages = 3;

    private readonly NewestFrames _frames = new(FramesWaiting);
    private readonly FrameThinning _thinning = new();
    private readonly RestyleStream _session;
    private readonly Chunker _chunker;
    private readonly Action<VideoFrame, TimeSpan> _output;
    private readonly LiveClock _clock;
    private readonly TimeStamps? _stamps;
    private readonly StageTrace? _trace;
    private readonly SemaphoreSlim _underWay;
    private readonly StageRunner _stages = new();
    private readonly FramePool _pool = new();
    private int _steps;
    private readonly Lock _places = new();
    private int _owed;
    private volatile bool _isDiscontinuous;
    private volatile bool _isFinishing;
    private volatile bool _isFinished;

    /// <param name="session">The stream's networks; not disposed here.</param>
    /// <param name="settings">How it is denoised.</param>
    /// <param name="clock">The run's.</param>
    /// <param name="keepStamps">True keeps a time bar code that the source's pictures carry.</param>
    /// <param name="output">Given each restyled picture, from the decoder's thread.</param>
    /// <param name="trace">Told when chunks pass the stages; null for nobody.</param>
    public ModelPath(RestyleStream session, SessionSettings settings, LiveClock clock, bool keepStamps, Action<VideoFrame, TimeSpan> output, StageTrace? trace = null)
    {
        (_session, _clock, _output, _trace) = (session, clock, output, trace);
        _chunker = settings.CreateChunker();
        _stamps = keepStamps ? new TimeStamps() : null;
        _steps = settings.Denoiser.Timesteps.Count;
        _underWay = new SemaphoreSlim(Stages + session.Denoiser.MostInFlight);
        var read = _stages.Join<FrameChunk>(1);
        var encoded = _stages.Join<LatentChunk>(1);
        var denoised = _stages.Join<LatentChunk>(1);
        var decoded = _stages.Join<FrameBatch>(1);
        _stages.Source<FrameChunk>("take", read, (_, put) => Take(put));
        _stages.Transform("encode", read, encoded, Encode);
        _stages.Transform("denoise", encoded, denoised, Denoise, () => _isFinishing ? Denoised(session.Denoiser.Flush()) : null, () => Denoised(session.Denoiser.More()));
        _stages.Transform("decode", denoised, decoded, Decode);
        _stages.Sink("give", decoded, Give, () => _isFinished = true);
    }

    public long Dropped => _frames.Dropped + _thinning.Dropped;

    public bool IsFinished => _isFinished;

    public void Offer(VideoFrame frame, TimeSpan taken)
    {
        if (!_thinning.Admits(taken))
        {
            frame.Dispose();
            return;
        }
        // The index stays the source's own: a session log names frames by it.
        (frame.Pts, frame.Duration) = (taken.Ticks, 0);
        _stamps?.Keep(frame);
        if (_frames.Add(frame))
            _thinning.Overflowed(_clock.Now);
    }

    public void Discontinue()
    {
        _frames.Clear();
        _thinning.Restart();
        _isDiscontinuous = true;
    }

    /// <summary>Chunks take so many denoising steps from now on: as many more or fewer may be under way.</summary>
    public void StepsChanged(int steps)
    {
        lock (_places)
        {
            // Fewer: that many chunks give their place to nobody when they are done.
            _owed -= steps - _steps;
            _steps = steps;
            if (_owed >= 0)
                return;
            _underWay.Release(-_owed);
            _owed = 0;
        }
    }

    public void Finish()
    {
        _isFinishing = true;
        _frames.End();
    }

    public void ThrowIfFailed()
    {
        if (_stages.Aborted.IsCancellationRequested)
            _stages.Wait();
    }

    public void Dispose()
    {
        _frames.Clear();
        _frames.End();
        _stages.Dispose();
        _frames.Dispose();
        _chunker.Dispose();
        _underWay.Dispose();
        _pool.Dispose();
    }

    private bool Take(Action<FrameChunk> put)
    {
        if (_frames.Take() is not { } frame)
        {
            if (_isFinishing && !_isDiscontinuous && _chunker.Finish() is { } last)
                Put(last, put);
            return false;
        }
        // A chunk begun before a gap would mix two times: its pictures are left out.
        if (_isDiscontinuous)
        {
            _isDiscontinuous = false;
            _chunker.Dispose();
        }
        if (_chunker.Add(frame) is { } chunk)
            Put(chunk, put);
        return true;
    }

    private void Put(FrameChunk chunk, Action<FrameChunk> put)
    {
        try
        {
            _underWay.Wait(_stages.Aborted);
        }
        catch
        {
            chunk.Dispose();
            throw;
        }
        put(chunk);
    }

    private LatentChunk Encode(FrameChunk chunk)
    {
        _trace?.Mark(chunk.Index, ChunkEvent.Complete, TimeSpan.FromTicks(chunk.Timing[^1].Pts));
        _trace?.Mark(chunk.Index, ChunkEvent.EncodeBegins);
        var latents = _session.Encoder.Encode(chunk);
        _trace?.Mark(chunk.Index, ChunkEvent.EncodeEnds);
        return latents;
    }

    private LatentChunk? Denoise(LatentChunk chunk)
    {
        _trace?.Mark(chunk.Index, ChunkEvent.DenoiseBegins);
        return Denoised(_session.Denoiser.Next(chunk));
    }

    private LatentChunk? Denoised(LatentChunk? clean)
    {
        if (clean is not null)
            _trace?.Mark(clean.Index, ChunkEvent.DenoiseEnds);
        return clean;
    }

    private FrameBatch Decode(LatentChunk chunk)
    {
        _trace?.Mark(chunk.Index, ChunkEvent.DecodeBegins);
        var batch = new FrameBatch(chunk.Index, _session.Decoder.Decode(chunk));
        _trace?.Mark(chunk.Index, ChunkEvent.DecodeEnds);
        return batch;
    }

    private void Give(FrameBatch batch)
    {
        _trace?.Mark(batch.Index, ChunkEvent.Given);
        if (!Owes())
            _underWay.Release();
        _thinning.Finished(batch.Frames.Count, _clock.Now);
        foreach (var frame in batch.Frames)
        {
            // The batch gives its frames back when this returns, so the output gets pictures of its own.
            var taken = TimeSpan.FromTicks(frame.Pts);
            _stamps?.Restore(frame);
            _output(Detach(frame), taken);
        }
    }

    private bool Owes()
    {
        lock (_places)
        {
            if (_owed == 0)
                return false;
            _owed--;
            return true;
        }
    }

    private VideoFrame Detach(VideoFrame frame)
    {
        var copy = VideoFrame.Rent(_pool, frame.Width, frame.Height);
        frame.Pixels.CopyTo(copy.Pixels);
        (copy.Index, copy.Pts, copy.Content) = (frame.Index, frame.Pts, frame.Content);
        return copy;
    }
}
