using StreamDiff.Models.KvCache;
using TorchSharp;
using static TorchSharp.torch;

namespace StreamDiff.Models.Diffusion;

/// <summary>
/// One stream's denoising state in a pool that many streams share. Lane s of the stream holds what step s has seen, so step s of chunk c can run as soon as step s-1 of c
/// and step s of c-1 are done. Any order that keeps to this gives the same result: all steps of neighbouring chunks in one tick (stream batch), one chunk's steps
/// one after the other (sequential), or whatever a policy chooses from tick to tick, together with rows of other streams. Noise is keyed by chunk and step, and a chunk keeps
/// the settings that it was admitted with.
/// The first chunk takes all its steps on lane 0, as the published system begins; lanes that join later, then or when chunks take more steps, begin as copies of the deepest lane
/// in use. Not thread-safe: it belongs to the thread that owns the device.
/// </summary>
public sealed class LaneStream : IDisposable
{
    private readonly DenoiserOptions _options;
    private readonly IKeyedNoise _noise;
    private readonly long _seed;
    private readonly List<LaneChunk> _chunks = [];
    private readonly List<int> _lanes = [];
    private long _admitted;
    private long _nextFrame;
    private int _depth = 1;
    private bool _isDisposed;

    /// <param name="pool">Where the lanes come from; must outlive the stream.</param>
    /// <param name="options">Geometry as the pool's; as many lanes are leased at once as it has timesteps, more when a chunk wants them.</param>
    /// <param name="noise">Noise by key; stays the caller's.</param>
    /// <param name="seed">Seed of chunks whose settings name none.</param>
    /// <exception cref="ModelException">The pool has not enough lanes left, or is of another geometry.</exception>
    public LaneStream(KvCachePool pool, DenoiserOptions options, IKeyedNoise noise, long seed)
    {
        if (pool.Geometry != options.Geometry || pool.Rotation != options.Rotation)
            throw new ModelException("the stream's window, sinks, size or rotation are not those of the pool that it is to share");
        (Pool, _options, _noise, _seed) = (pool, options, noise, seed);
        Schedule = new FlowMatchSchedule(options.Shift);
        Lease(options.Timesteps.Count);
    }

    public KvCachePool Pool { get; }

    /// <summary>Shape and rotation of the stream; its timesteps are what lanes were reserved for.</summary>
    public DenoiserOptions Options => _options;

    public FlowMatchSchedule Schedule { get; }

    /// <summary>Lanes leased now.</summary>
    public int Lanes => _lanes.Count;

    /// <summary>Chunks admitted and not taken yet.</summary>
    public int InFlight => _chunks.Count;

    /// <summary>Chunks admitted of which no step has been done.</summary>
    public int NotBegun => _chunks.Count(c => c.Done == 0);

    /// <summary>The number that the next admitted chunk gets.</summary>
    public long NextChunk => _admitted;

    /// <summary>Most latent frames that a chunk after the first may have while so many sinks are kept; null for the geometry's own number.</summary>
    public int MostFrames(int? sinkFrames = null) => _options.Geometry.WindowFrames - (sinkFrames ?? _options.Geometry.SinkFrames);

    /// <summary>What can run now, oldest chunk first. Rows of the same stream may run in one tick.</summary>
    public IReadOnlyList<ReadyRow> Ready
    {
        get
        {
            var ready = new List<ReadyRow>();
            for (var i = 0; i < _chunks.Count; i++)
                if (IsReady(i))
                    ready.Add(new ReadyRow(_chunks[i].Number, _chunks[i].Done, _chunks[i].Frames));
            return ready;
        }
    }

    /// <summary>Takes a chunk in.</summary>
    /// <param name="noisy">float32 [1, frames, 16, h, w], mixed with noise for the first timestep. Stays the caller's.</param>
    /// <param name="settings">How it is denoised.</param>
    /// <returns>The chunk's number, from 0.</returns>
    /// <exception cref="ModelException">It does not fit the window, or the pool has no lanes left for its steps.</exception>
    public long Admit(Tensor noisy, ChunkSettings settings)
    {
        ObjectDisposedException.ThrowIf(_isDisposed, this);
        if (settings.Timesteps.Count < 1)
            throw new ModelException("at least one denoising step is needed");
        var frames = (int)noisy.size(1);
        // The first chunk leaves a frame free: a full lane would begin to roll at its second step.
        if (frames > (_admitted == 0 ? _options.Geometry.WindowFrames - 1 : MostFrames(settings.SinkFrames)))
            throw new ModelException(
                $"a chunk of {frames} latent frames does not fit into a window of {_options.Geometry.WindowFrames} with {settings.SinkFrames ?? _options.Geometry.SinkFrames} sinks: use a larger window or fewer frames per chunk");
        Lease(settings.Timesteps.Count);
        using (NewDisposeScope())
            _chunks.Add(new LaneChunk(_admitted, Advance(frames), _depth, noisy.clone().DetachFromDisposeScope(), settings));
        _depth = _admitted == 0 ? 1 : settings.Timesteps.Count;
        return _admitted++;
    }

    /// <summary>Takes the oldest chunk if it is done: chunks leave in the order in which they came.</summary>
    /// <param name="chunk">Its number.</param>
    /// <param name="clean">Its clean latents; the caller disposes them.</param>
    public bool TryTake(out long chunk, out Tensor clean)
    {
        (chunk, clean) = (0, null!);
        if (_chunks.Count == 0 || !_chunks[0].IsDone)
            return false;
        (chunk, clean) = (_chunks[0].Number, _chunks[0].Latents);
        _chunks.RemoveAt(0);
        return true;
    }

    /// <summary>Latent frames that a row looks back on, its own not counted: a full lane makes room for those.</summary>
    public int CachedFrames(ReadyRow row) =>
        Math.Min(Pool.Lane(LaneOf(row.Chunk, row.Step)).LocalEnd / _options.Geometry.FrameTokens, _options.Geometry.WindowFrames - row.Frames);

    /// <summary>Gives the lanes back and drops what is in flight.</summary>
    public void Dispose()
    {
        if (_isDisposed)
            return;
        _isDisposed = true;
        foreach (var chunk in _chunks)
            chunk.Dispose();
        _chunks.Clear();
        Pool.Return(_lanes);
        _lanes.Clear();
    }

    /// <summary>Makes the row's lane ready.</summary>
    /// <exception cref="InvalidOperationException">The row is not among <see cref="Ready"/>.</exception>
    internal LaneWork Begin(ReadyRow row)
    {
        var index = _chunks.FindIndex(c => c.Number == row.Chunk);
        if (index < 0 || !IsReady(index) || _chunks[index].Done != row.Step)
            throw new InvalidOperationException($"step {row.Step} of chunk {row.Chunk} cannot run now");
        var chunk = _chunks[index];
        var lane = LaneOf(chunk.Number, chunk.Done);
        if (chunk.Joins)
        {
            for (var step = chunk.Done + 1; step < chunk.Steps; step++)
                Pool.CopyLane(lane, _lanes[step]);
        }
        return new LaneWork(this, chunk, new TickRow(lane, chunk.StartFrame * _options.Geometry.FrameTokens, chunk.Settings.SinkThreshold, chunk.Settings.SinkFrames));
    }

    /// <summary>Noise that prepares a chunk's next step; null after its last.</summary>
    internal Tensor? NoiseAfter(LaneChunk chunk) =>
        chunk.Done + 1 < chunk.Steps ? _noise.Draw(chunk.Settings.Seed ?? _seed, chunk.Number, chunk.Done + 1, chunk.Latents.shape) : null;

    private bool IsReady(int index)
    {
        var chunk = _chunks[index];
        if (chunk.IsDone)
            return false;
        for (var before = 0; before < index; before++)
        {
            var other = _chunks[before];
            // The first chunk passes lane 0 until it is done; lanes that join must have been left by all.
            var hasPassed = other.Number == 0 || chunk.Joins ? other.IsDone : other.Done > chunk.Done || other.IsDone;
            if (!hasPassed)
                return false;
        }
        return true;
    }

    private int LaneOf(long chunk, int step) => _lanes[chunk == 0 ? 0 : step];

    private void Lease(int lanes)
    {
        if (lanes <= _lanes.Count)
            return;
        if (!Pool.TryLease(lanes - _lanes.Count, out var more))
            throw new ModelException($"{lanes} denoising steps need as many lanes; of the pool's {Pool.Lanes} only {Pool.FreeLanes + _lanes.Count} are free: end a session, or use fewer steps");
        _lanes.AddRange(more);
    }

    private long Advance(int frames)
    {
        if (_options.Rotation == KeyRotation.Published && _options.RopeRefreshFrame is { } refresh && _nextFrame >= refresh)
            _nextFrame = _options.Geometry.WindowFrames - 1;
        var start = _nextFrame;
        _nextFrame += frames;
        return start;
    }
}

/// <param name="Stream">Whose row.</param>
/// <param name="Chunk">Which chunk.</param>
/// <param name="Row">Lane and position.</param>
internal readonly record struct LaneWork(LaneStream Stream, LaneChunk Chunk, TickRow Row)
{
    public double Timestep => Chunk.Settings.Timesteps[Chunk.Done];
}
