using StreamDiff.Models.KvCache;
using StreamDiff.Models.Loras;
using TorchSharp;
using static TorchSharp.torch;

namespace StreamDiff.Models.Diffusion;

/// <summary>
/// One stream's denoising state in a pool that many streams share. Lane s of the stream holds what step s has seen, so step s of chunk c
/// can be issued as soon as step s-1 of c is done and step s of c-1 is issued. Any order that keeps to this gives the same result: all
/// steps of neighbouring chunks in one tick (stream batch), one chunk's steps one after the other, or whatever a policy chooses from tick
/// to tick, together with rows of other streams. Noise is keyed by chunk and step, and a chunk keeps the settings that it was admitted
/// with.
/// The first chunk takes all its steps on lane 0, as the published system begins; lanes that join later, then or when chunks take more
/// steps, begin as copies of the deepest lane in use. With <see cref="DenoiserOptions.OnOneLane"/> all chunks do as the first. Not
/// thread-safe: it belongs to the thread of its ticks.
/// </summary>
public sealed partial class LaneStream : IDisposable
{
    private const long NumberOfContext = long.MinValue;

    private readonly TickQueue _ticks;
    private readonly DenoiserOptions _options;
    private readonly IKeyedNoise _noise;
    private readonly long _seed;
    private readonly List<LaneChunk> _chunks = [];
    private readonly List<int> _lanes = [];
    private readonly Queue<Tensor> _context = new();
    private readonly FlowMatchSchedule _schedule;
    private ChunkSettings? _newest;
    private int[] _filled = [];
    private long _admitted;
    private long _nextFrame;
    private int _depth;
    private bool _hasBegun;
    private bool _isDisposed;

    /// <param name="ticks">What runs its rows; must outlive the stream.</param>
    /// <param name="pool">Where the lanes come from; must outlive the stream.</param>
    /// <param name="options">Shape as the pool's; as many lanes are leased at once as it has timesteps, more when a chunk wants them, or a
    /// single one.</param>
    /// <param name="noise">Noise by key; stays the caller's.</param>
    /// <param name="seed">Seed of chunks whose settings name none.</param>
    /// <exception cref="ModelException">The pool has not enough lanes left, is of another shape, or is gone.</exception>
    public LaneStream(TickQueue ticks, LanePool pool, DenoiserOptions options, IKeyedNoise noise, long seed)
    {
        if (pool.Geometry != options.Geometry || pool.Shape.Rotation != options.Rotation || pool.Shape.AsPublished != options.AsPublished)
            throw new ModelException("the stream's window, sinks, size or rotation are not those of the pool that it is to share");
        (_ticks, Pool, _options, _noise, _seed) = (ticks, pool, options, noise, seed);
        if (pool.Fault is { } fault)
            throw new ModelException(fault);
        _schedule = new FlowMatchSchedule(options.Shift);
        Lease(options.Timesteps.Count);
        ticks.Add(this);
    }

    /// <summary>Where its lanes come from; of a stream that is suspended, where they came from.</summary>
    public LanePool Pool { get; private set; }

    /// <summary>Shape and rotation of the stream; its timesteps are what lanes were reserved for.</summary>
    public DenoiserOptions Options => _options;

    /// <summary>Lanes leased now.</summary>
    public int Lanes => _lanes.Count;

    /// <summary>Latent frames that its first lane holds.</summary>
    public int HeldFrames => _filled[0];

    /// <summary>Chunks admitted and not taken yet.</summary>
    public int InFlight => _chunks.Count(c => c.Role == ChunkRole.Ordinary);

    /// <summary>True while a step of some chunk is issued and not done.</summary>
    public bool IsInTick => _chunks.Exists(c => c.Issued > c.Done);

    /// <summary>Chunks admitted of which no step has been issued.</summary>
    public int NotBegun => _chunks.Count(c => c is { Role: ChunkRole.Ordinary, Issued: 0 });

    /// <summary>The number that the next admitted chunk gets.</summary>
    public long NextChunk => _admitted;

    /// <summary>
    /// Most latent frames that a chunk after the first may have while so many sinks are kept; null for the geometry's own number.
    /// </summary>
    public int MostFrames(int? sinkFrames = null) => _options.Geometry.WindowFrames - (sinkFrames ?? _options.Geometry.SinkFrames);

    /// <summary>What can be issued now, oldest chunk first. Rows of the same stream may run in one tick.</summary>
    public IReadOnlyList<ReadyRow> Ready
    {
        get
        {
            var ready = new List<ReadyRow>();
            for (var i = 0; i < _chunks.Count; i++)
                if (_chunks[i].Role != ChunkRole.Context && IsReady(i))
                    ready.Add(RowOf(_chunks[i]));
            return ready;
        }
    }

    /// <summary>
    /// Told every step that is done: number of the chunk, step, and what the chunk is then (only valid during the call). Chunks below 0 are
    /// idle rows.
    /// </summary>
    public Action<long, int, Tensor>? Advanced { get; set; }

    /// <summary>The next step of what the caches are rebuilt from; null when there is none.</summary>
    internal ReadyRow? ReadyContext =>
        _chunks.FindIndex(c => c.Role == ChunkRole.Context) is >= 0 and var i && IsReady(i) ? RowOf(_chunks[i]) : null;

    /// <summary>True when all steps of a chunk have been issued, or it has been taken.</summary>
    public bool IsIssued(long chunk) => chunk < _admitted && _chunks.Find(c => c.Number == chunk) is null or { IsAllIssued: true };

    /// <summary>Takes a chunk in.</summary>
    /// <param name="noisy">float32 [1, frames, 16, h, w] on the runner's device, mixed with noise for the first timestep. Stays the
    /// caller's.</param>
    /// <param name="settings">How it is denoised.</param>
    /// <param name="startFrame">Position in latent frames; null follows the chunk before.</param>
    /// <returns>The chunk's number, from 0.</returns>
    /// <exception cref="ModelException">It does not fit the window, or the pool has no lanes left for its steps.</exception>
    public long Admit(Tensor noisy, ChunkSettings settings, long? startFrame = null)
    {
        ObjectDisposedException.ThrowIf(_isDisposed, this);
        if (settings.Timesteps.Count < 1)
            throw new ModelException("at least one denoising step is needed");
        var frames = (int)noisy.size(1);
        var most = _hasBegun ? MostFrames(settings.SinkFrames) : _options.Geometry.WindowFrames;
        if (frames > most && !_options.AsPublished)
            throw new ModelException(
                $"a chunk of {frames} latent frames does not fit into a window of {_options.Geometry.WindowFrames} with "
                + $"{settings.SinkFrames ?? _options.Geometry.SinkFrames} sinks: use a larger window or fewer frames per chunk");
        Lease(settings.Timesteps.Count);
        if (startFrame is { } start)
            _nextFrame = start;
        Enqueue(_admitted, ChunkRole.Ordinary, noisy.alias(), settings);
        _newest = settings;
        return _admitted++;
    }

    /// <summary>Gives the oldest chunk once it is done; chunks come out in the order in which they went in.</summary>
    /// <param name="chunk">Its number.</param>
    /// <param name="clean">Its latents; the caller's.</param>
    public bool TryTake(out long chunk, out Tensor clean)
    {
        while (_chunks.Count > 0 && _chunks[0] is { IsDone: true, Role: not ChunkRole.Ordinary } other)
        {
            other.Dispose();
            _chunks.RemoveAt(0);
        }
        (chunk, clean) = (0, null!);
        if (_chunks.Count == 0 || !_chunks[0].IsDone)
            return false;
        (chunk, clean) = (_chunks[0].Number, _chunks[0].Latents.alias());
        Remember(_chunks[0]);
        _chunks[0].Dispose();
        _chunks.RemoveAt(0);
        return true;
    }

    /// <summary>Latent frames that a row looks back on, its own not counted: a full lane makes room for those.</summary>
    public int CachedFrames(ReadyRow row) =>
        _chunks.Find(c => c.Number == row.Chunk) is { } chunk
            ? Math.Min(_filled[LaneOf(chunk, row.Step)] - (VisitOf(chunk, row.Step) > 0 ? row.Frames : 0),
                _options.Geometry.WindowFrames - row.Frames)
            : 0;

    /// <summary>Strengths that a row's chunk was admitted with: rows of one tick share them.</summary>
    public LoraStrengths? LorasOf(ReadyRow row) => _chunks.Find(c => c.Number == row.Chunk)?.Settings.Loras;

    /// <summary>Gives the lanes back and drops what is in flight.</summary>
    public void Dispose()
    {
        if (_isDisposed)
            return;
        _isDisposed = true;
        if (!IsSuspended)
            _ticks.Remove(this);
        DropSaved();
        foreach (var chunk in _chunks)
            chunk.Dispose();
        _chunks.Clear();
        foreach (var noisy in _context)
            noisy.Dispose();
        _context.Clear();
        Pool.Return(_lanes);
        _lanes.Clear();
    }

    /// <summary>Makes the row's lane ready and counts the step as issued.</summary>
    /// <exception cref="InvalidOperationException">The row is not among <see cref="Ready"/>.</exception>
    internal LaneWork Begin(ReadyRow row)
    {
        var index = _chunks.FindIndex(c => c.Number == row.Chunk);
        if (index < 0 || !IsReady(index) || _chunks[index].Issued != row.Step)
            throw new InvalidOperationException($"step {row.Step} of chunk {row.Chunk} cannot run now");
        var (chunk, step) = (_chunks[index], row.Step);
        if (chunk.Joins)
        {
            var join = chunk.Join!.Value;
            for (var to = join.From + 1; to < join.Until; to++)
            {
                Pool.Copy(_lanes[join.From], _lanes[to]);
                _filled[to] = _filled[join.From];
            }
        }
        var (lane, visit) = (LaneOf(chunk, step), VisitOf(chunk, step));
        var held = _filled[lane];
        if (visit == 0)
            _filled[lane] = Math.Min(_options.Geometry.WindowFrames, _filled[lane] + chunk.Frames);
        chunk.Issued++;
        var position = chunk.StartFrame * _options.Geometry.FrameTokens;
        var tickRow = new TickRow(
            _lanes[lane], position, chunk.Settings.SinkThreshold, chunk.Settings.SinkFrames, visit, chunk.IsOnOneLane ? chunk.Steps : 1);
        return new LaneWork(this, chunk, step, held, tickRow);
    }

    /// <summary>The step that was begun could not be issued, and no lane has moved: it is ready again.</summary>
    internal void Withdraw(LaneWork work)
    {
        work.Chunk.Issued--;
        _filled[LaneOf(work.Chunk, work.Step)] = work.Held;
    }

    /// <summary>Noise that prepares a chunk's step after this one; null after its last.</summary>
    internal Tensor? NoiseAfter(LaneWork work) => work.Step + 1 < work.Chunk.Steps
        ? _noise.Draw(work.Chunk.Settings.Seed ?? _seed, work.Chunk.Number, work.Step + 1, work.Chunk.Latents.shape)
        : null;

    /// <summary>The step is done.</summary>
    /// <param name="work">The row.</param>
    /// <param name="clean">What the network makes of it; stays the caller's.</param>
    /// <param name="noise">See <see cref="NoiseAfter"/>.</param>
    internal void Complete(LaneWork work, Tensor clean, Tensor? noise)
    {
        if (_isDisposed)
            return;
        var chunk = work.Chunk;
        chunk.Advance(noise is null ? clean.clone() : _schedule.AddNoise(clean, noise, chunk.Settings.Timesteps[work.Step + 1]));
        Advanced?.Invoke(chunk.Number, work.Step, chunk.Latents);
    }

    /// <summary>The lanes are empty: what they held is made again from the last chunks, and chunks in flight begin again.</summary>
    /// <param name="withContext">False where nothing can be made again now: the stream's next row finds that out.</param>
    internal void Rebuild(bool withContext)
    {
        var inFlight = _chunks.FindAll(c => c.Role == ChunkRole.Ordinary);
        var others = _chunks.FindAll(c => c.Role != ChunkRole.Ordinary);
        _chunks.Clear();
        foreach (var other in others)
            other.Dispose();
        (_depth, _nextFrame, _hasBegun) = (0, 0, false);
        Array.Clear(_filled);
        if (withContext && Pool.Fault is null && _context.Count > 0 && _newest is { } newest)
        {
            var timesteps = _options.Timesteps.Count >= newest.Timesteps.Count
                ? [.. _options.Timesteps.Take(newest.Timesteps.Count)]
                : newest.Timesteps;
            Enqueue(NumberOfContext, ChunkRole.Context, _context.Count == 1 ? _context.Peek().alias() : cat([.. _context], 1),
                newest with { Timesteps = timesteps });
        }
        foreach (var chunk in inFlight)
        {
            if (chunk.IsDone)
                _chunks.Add(chunk);
            else
                using (chunk)
                    Enqueue(chunk.Number, ChunkRole.Ordinary, chunk.Noisy, chunk.Settings);
        }
    }

    private void Enqueue(long number, ChunkRole role, Tensor noisy, ChunkSettings settings)
    {
        if (_options.AsPublished && !_options.OnOneLane && _hasBegun && _depth == 1)
            EnqueueIdle(noisy, settings);
        var start = Advance((int)noisy.size(1));
        var oneLane = _options.OnOneLane || !_hasBegun;
        var steps = settings.Timesteps.Count;
        _chunks.Add(new LaneChunk(number, role, 0, start, noisy, settings, _ticks.Runner.CanLoseCaches)
        {
            IsOnOneLane = oneLane,
            // They begin with the step that is the last one which the chunk before took.
            Join = !oneLane && steps > _depth ? new LaneJoin(_depth - 1, _depth - 1, steps) : null,
        });
        // What joins is not left by chunks of fewer steps: they copied nothing, and later ones do.
        _depth = oneLane ? 1 : steps;
        _hasBegun = true;
    }

    // Row r of the first batch after the first chunk holds zeros, and takes them down through the rows below.
    private void EnqueueIdle(Tensor like, ChunkSettings settings)
    {
        var steps = _options.Timesteps.Count;
        for (var row = steps - 1; row > 0; row--)
            _chunks.Add(new LaneChunk(-row, ChunkRole.Idle, row, _nextFrame, zeros_like(like), settings with
            {
                Timesteps = _options.Timesteps,
            }, _ticks.Runner.CanLoseCaches)
            {
                IsOnOneLane = false,
                Join = row == steps - 1 ? new LaneJoin(row, 0, steps) : null,
            });
        if (steps > 1)
            _depth = steps;
    }

    private static ReadyRow RowOf(LaneChunk chunk) => new(chunk.Number, chunk.Issued, chunk.Frames);

    private bool IsReady(int index)
    {
        var chunk = _chunks[index];
        if (chunk.IsAllIssued || chunk.Issued > chunk.Done)
            return false;
        for (var before = 0; before < index; before++)
        {
            var other = _chunks[before];
            // One that has a lane for itself passes it until it is through; lanes that join must have been left by all.
            var hasPassed = other.IsOnOneLane || chunk.IsOnOneLane || chunk.Joins
                ? other.IsAllIssued
                : other.Issued > chunk.Issued || other.IsAllIssued;
            if (!hasPassed)
                return false;
        }
        return true;
    }

    private static int LaneOf(LaneChunk chunk, int step) => chunk.IsOnOneLane ? 0 : step;

    private static int VisitOf(LaneChunk chunk, int step) => chunk.IsOnOneLane ? step : 0;

    private void Lease(int steps)
    {
        var lanes = _options.OnOneLane ? 1 : steps;
        if (lanes <= _lanes.Count)
            return;
        if (!Pool.TryLease(lanes - _lanes.Count, out var more))
            throw new ModelException(
                $"{lanes} denoising steps need as many lanes; of the pool's {Pool.Lanes} only {Pool.FreeLanes + _lanes.Count} are free: "
                    + "end a session, or use fewer steps");
        _lanes.AddRange(more);
        Array.Resize(ref _filled, _lanes.Count);
    }

    private long Advance(int frames)
    {
        var start = _options.FrameIndex(_nextFrame);
        _nextFrame = start + frames;
        return start;
    }

    // The last chunks as they went in, no more than a window that still has room.
    private void Remember(LaneChunk chunk)
    {
        if (!_ticks.Runner.CanLoseCaches)
            return;
        _context.Enqueue(chunk.Noisy.DetachFromDisposeScope());
        while (_context.Count > 1 && _context.Sum(t => t.size(1)) >= Math.Max(2, _options.Geometry.WindowFrames))
            _context.Dequeue().Dispose();
    }
}
