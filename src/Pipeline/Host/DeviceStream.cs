using StreamDiff.Models;
using StreamDiff.Models.Diffusion;
using StreamDiff.Pipeline.Control;
using StreamDiff.Pipeline.Control.Logs;
using StreamDiff.Pipeline.Control.Steering;
using StreamDiff.Pipeline.Stream;
using StreamDiff.Scheduling.Batching;
using StreamDiff.Scheduling.Slo;
using static TorchSharp.torch;

namespace StreamDiff.Pipeline.Host;

/// <summary>
/// The transformer's side of one session: encoded groups in, clean chunks out. Belongs to the device's thread; only <see cref="Offer"/> may
/// come from elsewhere.
/// </summary>
internal sealed class DeviceStream : IDisposable
{
    private const double Margin = 1.5;

    // One with the encoder, one that waits, one with the decoder, one with the receiver.
    private const int GroupsBesides = 4;

    private readonly Lock _gate = new();
    private readonly Queue<(LatentChunk Latents, ChunkTrace Trace)> _waiting = new();
    private readonly Queue<Admitted> _admitted = new();
    private readonly ChunkSteering _steering;
    private readonly int _ticksInFlight;
    private readonly SessionLogWriter? _log;
    private readonly Recording? _recording;
    private readonly Loopback _loopback;
    private StreamForm _form;
    private StreamForm? _next;
    private IReadOnlyList<ReadyRow> _shown = [];
    private int _wanted = 1;
    private long _begun;
    private long _ticks;
    private bool _isPushed;
    private bool _isDisposed;

    /// <param name="form">Taken over.</param>
    /// <param name="ticksInFlight">Ticks of the host that may be in flight.</param>
    /// <param name="steering">Taken over.</param>
    /// <param name="log">Where its ticks are written; null for nowhere.</param>
    /// <param name="recording">What it repeats; null for nothing.</param>
    public DeviceStream(
        StreamForm form, int ticksInFlight, ChunkSteering steering, SessionLogWriter? log = null, Recording? recording = null) =>
        (_form, _ticksInFlight, _steering, _log, _recording, _loopback) =
        (form, ticksInFlight, steering, log, recording, new Loopback());

    public ChunkSteering Steering => _steering;

    /// <summary>Form of the chunks that are admitted.</summary>
    public StreamForm Form => _form;

    public LaneStream Lanes => _form.Lanes;

    /// <summary>True from <see cref="Become"/> until the first chunk of the new form is admitted.</summary>
    public bool IsChanging => _next is not null;

    /// <summary>Encoded groups that wait.</summary>
    public int Waiting
    {
        get
        {
            lock (_gate)
                return _waiting.Count;
        }
    }

    /// <summary>
    /// Groups that the next chunk is to have, where so many wait; 0 lets them wait. In a replay as many as it had, whatever is set.
    /// </summary>
    public int Wanted
    {
        get => _recording?.Groups(_begun) ?? _wanted;
        set => _wanted = value;
    }

    /// <summary>Groups between encoder and receiver that keep every stage at work.</summary>
    public int MostUnderWay => (MostInFlight + 2) * (_recording?.MostGroups ?? 1) + GroupsBesides;

    /// <summary>Called before a pass with rows of the session, and before its lanes are taken again: where a test makes it fail.</summary>
    public Action? Running { get; set; }

    /// <summary>True leaves groups out early, so that those that go on have time to spare.</summary>
    public bool Drops { get; set; }

    /// <summary>Tokens computed for the session, divided by its weight.</summary>
    public double Served { get; private set; }

    /// <summary>Another form is on its way, with the first group that has it.</summary>
    /// <param name="next">Taken over; may share the lanes of the present one.</param>
    public void Become(StreamForm next) => _next = next;

    /// <summary>Takes an encoded group; from the encoder's worker.</summary>
    public void Offer(LatentChunk latents, ChunkTrace trace)
    {
        lock (_gate)
        {
            if (!_isDisposed)
            {
                _waiting.Enqueue((latents, trace));
                return;
            }
        }
        latents.Dispose();
    }

    /// <summary>Admits the next chunk where none is before it: as late as possible, so that it takes the newest settings.</summary>
    /// <param name="now">Asked when a chunk has been admitted.</param>
    /// <param name="hasAll">True where no more groups will come than wait.</param>
    /// <returns>Groups that have left the queue.</returns>
    public int Admit(Func<TimeSpan> now, bool hasAll)
    {
        if (hasAll && Waiting == 0)
            _recording?.End(_begun);
        if (Wanted == 0 || !HasRoom || IsPushed || !_loopback.IsReady(_begun) || !ChangeOver() || Take(hasAll) is not { } groups)
            return 0;
        using var scope = NewDisposeScope();
        // The decoder must see the first group of a form, and before it there is no frame to hold.
        var isFirst = IsFirst(groups[0].Latents);
        using var chunk = Join(groups);
        _steering.Begin(chunk);
        var trace = groups[0].Trace;
        if (_steering.State.IsPaused && !isFirst)
        {
            trace.Ended(ChunkStage.AdmitWait, now());
            _admitted.Enqueue(new Admitted(_begun++, Lane: -1, chunk.Timing, 0, groups.Count, trace, Prompt: null));
            _isPushed = true;
            return groups.Count;
        }
        var lane = Lanes.NextChunk;
        var mostSteps = Lanes.Options.OnOneLane ? int.MaxValue : Math.Max(1, Lanes.Lanes + Lanes.Pool.FreeLanes);
        // With the strength and the way of this chunk.
        var strength = _steering.Strength(chunk);
        var (noisy, settings, prompt) = _steering.Admit(
            lane, chunk, mostSteps, state => _loopback.Mix(state, _begun, chunk.Latents), strength);
        try
        {
            Lanes.Admit(noisy, settings);
        }
        catch
        {
            prompt.Dispose();
            throw;
        }
        trace.Ended(ChunkStage.AdmitWait, now());
        var state = _steering.State;
        _admitted.Enqueue(new Admitted(_begun++, lane, chunk.Timing, settings.Timesteps.Count, groups.Count, trace, prompt)
        {
            Look = chunk.Look,
            Layers = state.Layers,
            Inputs = state.Layers is null ? null : chunk.Inputs,
            Strength = strength?.DetachFromDisposeScope(),
            Plain = strength is null ? null : chunk.Latents.alias().DetachFromDisposeScope(),
            Returns = state.Loopback.Share > 0,
        });
        return groups.Count;
    }

    /// <summary>
    /// Leaves out groups that wait and cannot be in time any more, so that newer ones can; the newest stays. Returns their number.
    /// </summary>
    /// <param name="now">Now.</param>
    /// <param name="needed">From admission to hand-over, as it was of late.</param>
    public int LeaveOutLate(TimeSpan now, TimeSpan needed)
    {
        if (Lanes.NextChunk == 0)
            return 0;
        var (left, until) = (0, now + (Drops ? Margin : 1) * needed);
        lock (_gate)
        {
            for (; _waiting.Count > 1 && until > _waiting.Peek().Trace.Deadline && _waiting.Peek().Trace.Form == _form; left++)
                _waiting.Dequeue().Latents.Dispose();
        }
        return left;
    }

    /// <summary>
    /// True where its lanes can be given back for a while: they lie on a device of this process, and no other form is on its way.
    /// </summary>
    public bool CanSuspend => _next is null && _recording is null && Lanes.CanSuspend;

    /// <summary>Gives its lanes back; what they held is kept in host memory. Groups and chunks stay as far as they have come.</summary>
    public void Suspend() => _form.Suspend();

    /// <summary>Takes lanes again, and goes on.</summary>
    /// <exception cref="ModelException">There are not enough left: it stays suspended.</exception>
    public void Resume()
    {
        Running?.Invoke();
        _form.Resume();
    }

    /// <summary>A chunk that is done, the oldest first; null when there is none.</summary>
    public (LatentChunk Clean, ChunkTrace Trace, int Groups)? TakeDone(TimeSpan now)
    {
        if (!_admitted.TryPeek(out var chunk))
            return null;
        LatentChunk done;
        if (chunk.Prompt is null)
            done = new LatentChunk(chunk.Number, empty(0).DetachFromDisposeScope(), 0, chunk.Timing) { IsHeld = true };
        else if (Lanes.TryTake(out _, out var clean))
            done = new LatentChunk(chunk.Number, Outside(chunk, clean).DetachFromDisposeScope(), 0, chunk.Timing)
            {
                Look = chunk.Look,
                Layers = chunk.Layers,
                Inputs = chunk.Inputs,
            };
        else
            return null;
        _admitted.Dequeue();
        _loopback.Done(chunk.Number, chunk.Returns ? done.Latents : null);
        chunk.Prompt?.Dispose();
        chunk.Trace.Ended(ChunkStage.Denoise, now);
        return (done, chunk.Trace, chunk.Groups);
    }

    // Where little is repainted latents stay nearly as they came.
    private static Tensor Outside(Admitted chunk, Tensor clean)
    {
        if (chunk.Strength is not { } strength || chunk.Plain is not { } latents)
            return clean;
        using var scope = NewDisposeScope();
        using (clean)
        using (latents)
        using (strength)
        {
            var plain = latents.to(clean.device);
            return clean.sub(plain).mul_(strength.to(clean.device)).add_(plain, Scalars.One).MoveToOuterDisposeScope();
        }
    }

    /// <summary>What a policy is told.</summary>
    /// <param name="number">Of the session.</param>
    /// <param name="slo">What it is promised.</param>
    /// <param name="afterDenoising">From the last tick of a chunk to its hand-over.</param>
    /// <param name="hasAll">True where no more groups will come than wait.</param>
    /// <param name="keepsOrder">
    /// True shows rows by the order of chunks and ticks alone, however fast a ring of ranks is: what shares a tick can be repeated.
    /// </param>
    public StreamView View(int number, SessionSlo slo, TimeSpan afterDenoising, bool hasAll, bool keepsOrder)
    {
        var waiting = Waiting;
        var isClosed = IsPushed || !HasRoom || (hasAll && waiting == 0);
        var isDraining = isClosed && !Lanes.Ready.Any(r => r.Step == 0);
        if (_recording is not null)
            _recording.IsAtRest = isClosed && !Lanes.IsInTick;
        _shown = keepsOrder && _ticksInFlight > 1 && !Lanes.Options.OnOneLane && _recording is null ? InOrder(isDraining) : Lanes.Ready;
        var rows = new RowView[_shown.Count];
        for (var i = 0; i < rows.Length; i++)
        {
            var (row, chunk) = (_shown[i], Of(_shown[i]));
            rows[i] = new RowView(
                chunk.Number, row.Step, chunk.Steps - row.Step, row.Frames, chunk.Trace.End(ChunkStage.Collect), chunk.Trace.Deadline,
                Lanes.CachedFrames(row),
                Lanes.Options.Geometry.FrameTokens);
        }
        var geometry = Lanes.Options.Geometry;
        return new StreamView(
            number, rows, waiting, _steering.Steps, slo, afterDenoising, Served, geometry.FrameTokens, geometry.WindowFrames - 1,
            isDraining);
    }

    /// <summary>A row of the last <see cref="View"/>; null where it may not run any more.</summary>
    public ReadyRow? Shown(int row) => row < _shown.Count && Lanes.Ready.Contains(_shown[row]) ? _shown[row] : null;

    /// <summary>Caches were lost: chunks in flight have begun again.</summary>
    public void Restarted()
    {
        foreach (var chunk in _admitted)
            chunk.Tick = null;
    }

    /// <summary>Number in the session of a row's chunk, from 0.</summary>
    public long NumberOf(ReadyRow row) => Of(row).Number;

    /// <summary>A tick with rows of the session has been issued.</summary>
    public void Issued(IReadOnlyList<ReadyRow> rows)
    {
        foreach (var row in rows)
            Of(row).Tick = _ticks;
        _ticks++;
        _isPushed = false;
        _log?.Write([.. rows.Select(r => new LoggedRow(Of(r).Number, r.Step))]);
    }

    /// <summary>Rows of the session were computed.</summary>
    public void Serve(ReadyRow row, int weight) => Served += (double)row.Frames * Lanes.Options.Geometry.FrameTokens / Math.Max(1, weight);

    /// <summary>A session that comes later does not make up for what it never asked for.</summary>
    public void ServedSince(double served) => Served = Math.Max(Served, served);

    public void Dispose()
    {
        lock (_gate)
        {
            _isDisposed = true;
            while (_waiting.TryDequeue(out var group))
                group.Latents.Dispose();
        }
        while (_admitted.TryDequeue(out var chunk))
        {
            chunk.Prompt?.Dispose();
            chunk.Plain?.Dispose();
            chunk.Strength?.Dispose();
        }
        _loopback.Dispose();
        if (_next is { } next && next.Lanes != _form.Lanes)
            next.Dispose();
        _form.Dispose();
        _steering.Dispose();
    }

    // What is in flight goes on before there is room again: a chunk that has not begun, or more of them than ticks can keep at work.
    private bool HasRoom => Lanes.NotBegun == 0 && Lanes.InFlight <= MostInFlight;

    private int MostInFlight => Math.Max(_steering.Steps * _ticksInFlight, _recording?.MostInFlight ?? 0);

    // A chunk that is held takes the place of one that would push out what is in flight.
    private bool IsPushed => _isPushed && (Lanes.Ready.Count > 0 || Lanes.IsInTick);

    // A step follows the one before as many ticks later as may be in flight, as if none were ever done sooner; what drains waits until all
    // are done. The first chunk goes alone.
    private List<ReadyRow> InOrder(bool isDraining)
    {
        if (isDraining)
            return Lanes.IsInTick ? [] : [.. Lanes.Ready];
        return [.. Lanes.Ready.Where(r => Of(r) is { Number: 0 } or { Tick: null } || _ticks - Of(r).Tick >= _ticksInFlight)];
    }

    private Admitted Of(ReadyRow row) => _admitted.First(a => a.Lane == row.Chunk && a.Prompt is not null);

    private List<(LatentChunk Latents, ChunkTrace Trace)>? Take(bool hasAll)
    {
        lock (_gate)
        {
            if (_waiting.Count == 0 || (_recording is not null && _waiting.Count < Wanted && !hasAll))
                return null;
            // The first group is two frames already; a window has its limits.
            var alike = _waiting.TakeWhile(g => g.Trace.Form == _form).Count();
            var most = Math.Min(alike, Lanes.MostFrames(_steering.State.SinkFrames));
            var count = IsFirst(_waiting.Peek().Latents) ? 1 : Math.Clamp(Wanted, 1, Math.Max(1, most));
            var groups = _waiting.Take(count).ToList();
            // A file's chunk waits for its prompt here, not on the device's thread.
            if (!_steering.IsReady([.. groups.SelectMany(g => g.Latents.Timing)]))
                return null;
            for (var i = 0; i < groups.Count; i++)
                _waiting.Dequeue();
            return groups;
        }
    }

    // Chunks of the old form leave first. False while they have not.
    private bool ChangeOver()
    {
        if (_next is not { } next)
            return true;
        lock (_gate)
            if (_waiting.Count == 0 || _waiting.Peek().Trace.Form == _form)
                return true;
        if (next.Lanes != _form.Lanes)
        {
            if (Lanes.InFlight > 0)
                return false;
            _form.Dispose();
        }
        (_form, _next) = (next, null);
        return true;
    }

    // Groups are counted anew with each form.
    private bool IsFirst(LatentChunk group) => Lanes.NextChunk == 0 || group.Index == 0;

    private static LatentChunk Join(List<(LatentChunk Latents, ChunkTrace Trace)> groups)
    {
        if (groups.Count == 1)
            return groups[0].Latents;
        IReadOnlyList<byte[]>? inputs = groups.TrueForAll(g => g.Latents.Inputs is not null)
            ? [.. groups.SelectMany(g => g.Latents.Inputs!)]
            : null;
        var joined = cat([.. groups.Select(g => g.Latents.Latents)], 1).DetachFromDisposeScope();
        foreach (var (latents, _) in groups)
            latents.Dispose();
        return new LatentChunk(groups[0].Latents.Index, joined, groups.Max(g => g.Latents.Motion),
            [.. groups.SelectMany(g => g.Latents.Timing)])
        {
            Inputs = inputs,
            Look = groups[^1].Latents.Look,
            Faces = groups[^1].Latents.Faces,
            IsCut = groups.Exists(g => g.Latents.IsCut),
        };
    }

    /// <param name="Number">In the session, from 0.</param>
    /// <param name="Lane">In the lanes of its form, which never see what is held.</param>
    /// <param name="Timing">Of its frames.</param>
    /// <param name="Steps">Denoising steps.</param>
    /// <param name="Groups">Groups that it was made of.</param>
    /// <param name="Trace">Of the first of them.</param>
    /// <param name="Prompt">What it follows; null for a chunk that shows the last frame.</param>
    private sealed record Admitted(
        long Number, long Lane, IReadOnlyList<FrameTiming> Timing, int Steps, int Groups, ChunkTrace Trace, SharedPrompt? Prompt)
    {
        public PictureLook? Look { get; init; }

        public FrameLayers? Layers { get; init; }

        public IReadOnlyList<byte[]>? Inputs { get; init; }

        /// <summary>How strongly each place was repainted; null for everywhere. The chunk's own.</summary>
        public Tensor? Strength { get; init; }

        /// <summary>Its latents as they came, where some of them stay; the chunk's own.</summary>
        public Tensor? Plain { get; init; }

        /// <summary>True where what comes out goes in again.</summary>
        public bool Returns { get; init; }

        /// <summary>The session's tick that its last step was in; null before the first.</summary>
        public long? Tick { get; set; }
    }
}
