using StreamDiff.Models.Cuda;
using StreamDiff.Models.Diffusion;
using StreamDiff.Pipeline.Telemetry;
using StreamDiff.Scheduling.Batching;
using StreamDiff.Scheduling.Latency;
using static TorchSharp.torch;

namespace StreamDiff.Pipeline.Host;

/// <summary>
/// The thread that owns the device: admits chunks, asks the policy what to run, runs it, and passes on what is done. Between two ticks it
/// does what others ask of it, such as beginning and ending streams.
/// </summary>
internal sealed class DeviceLoop : IDisposable
{
    // A policy that waits for nothing is asked again after so long.
    private static readonly TimeSpan LongestWait = TimeSpan.FromMilliseconds(100);
    // A device goes from one tick to the next without waiting when the next one is there so long before: deciding, drawing noise.
    private static readonly TimeSpan Ahead = TimeSpan.FromMilliseconds(4);

    // Nobody tells when a tick of a device is over.
    private static readonly TimeSpan Look = TimeSpan.FromMilliseconds(2);

    private readonly object _gate = new();
    private readonly TickQueue _ticks;
    private readonly LiveClock _clock;
    private readonly int _rowsPerTick;
    private readonly Queue<Action> _commands = new();
    private readonly List<Session> _sessions = [];
    private readonly Action<Exception> _failed;
    private readonly Thread _thread;
    private readonly Queue<Pass> _flying = new();
    private readonly DeviceTimes _times;
    private TimeSpan _lastCollected;
    private int _recoveries;
    private bool _hasNews;
    private bool _isOver;
    private bool _isDrained;
    private long _passes;
    private long _rows;
    private long _busy;

    /// <param name="ticks">Runs the rows; stays the caller's.</param>
    /// <param name="policy">Chooses what runs.</param>
    /// <param name="rowsPerTick">Most rows of one pass.</param>
    /// <param name="clock">The host's.</param>
    /// <param name="failed">Told of what ended the loop.</param>
    public DeviceLoop(TickQueue ticks, IBatchPolicy policy, int rowsPerTick, LiveClock clock, Action<Exception> failed)
    {
        (_ticks, Policy, _rowsPerTick, _clock, _failed) = (ticks, policy, rowsPerTick, clock, failed);
        _times = new DeviceTimes(clock);
        ticks.Runner.Progress = Wake;
        _thread = new Thread(Run) { Name = "streamdiff device", IsBackground = true };
        _thread.Start();
    }

    /// <summary>Chooses what runs; another one may take its place at any time.</summary>
    public IBatchPolicy Policy { get; set; }

    /// <summary>
    /// True takes the time of each tick of a device, and decides on the next one shortly before it is over, not earlier; a policy that
    /// needs times has it so in any case. Default false.
    /// </summary>
    public bool IsTimed
    {
        get => field || Policy.NeedsTimes;
        set;
    }

    /// <summary>Told of every tick whose time is known, from the device's thread.</summary>
    public Action<TickShape, TimeSpan>? Measured { get; set; }

    /// <summary>Called between ticks, from the device's thread.</summary>
    public Action<TimeSpan>? Between { get; set; }

    public (long Ticks, long Rows, TimeSpan Busy) Counts =>
        (Interlocked.Read(ref _passes), Interlocked.Read(ref _rows), TimeSpan.FromTicks(Interlocked.Read(ref _busy)));

    /// <summary>Does something on the device's thread between two ticks, and waits for it.</summary>
    /// <exception cref="ObjectDisposedException">The loop has ended.</exception>
    public T Do<T>(Func<T> work)
    {
        var isDone = TryDo(work, out var result);
        ObjectDisposedException.ThrowIf(!isDone, this);
        return result;
    }

    /// <summary>As <see cref="Do"/>; false where the loop has ended.</summary>
    public bool TryDo<T>(Func<T> work, out T result)
    {
        result = default!;
        // From the thread itself nobody would come to do it.
        if (Thread.CurrentThread == _thread)
        {
            result = work();
            return true;
        }
        var done = new TaskCompletionSource<T>(TaskCreationOptions.RunContinuationsAsynchronously);
        lock (_gate)
        {
            if (_isOver)
                return false;
            _commands.Enqueue(() =>
            {
                try
                {
                    done.SetResult(work());
                }
                catch (Exception e)
                {
                    done.SetException(e);
                }
            });
        }
        Wake();
        result = done.Task.GetAwaiter().GetResult();
        return true;
    }

    /// <summary>Has something done on the device's thread between two ticks; at once where the loop has ended.</summary>
    public void Post(Action work)
    {
        lock (_gate)
        {
            if (!_isDrained)
            {
                _commands.Enqueue(work);
                _hasNews = true;
                Monitor.Pulse(_gate);
                return;
            }
        }
        using var inference = inference_mode();
        lock (_commands)
            work();
    }

    /// <summary>Something has changed that the policy should see.</summary>
    public void Wake()
    {
        lock (_gate)
        {
            _hasNews = true;
            Monitor.Pulse(_gate);
        }
    }

    /// <summary>Adds a session whose stream is there; on the device's thread.</summary>
    public void Add(Session session)
    {
        // Fair from now on, not since the host began.
        if (_sessions.Count > 0)
            session.Stream.ServedSince(_sessions.Min(s => s.Stream.Served));
        _sessions.Add(session);
    }

    /// <summary>Takes a session out for a while, when nothing of it is in a tick any more; on the device's thread.</summary>
    public void Park(Session session)
    {
        while (session.Stream.Lanes.IsInTick)
            Collect(wait: true);
        HandOn();
        _sessions.Remove(session);
    }

    /// <summary>Takes a session out; on the device's thread.</summary>
    public bool Remove(Session session) => _sessions.Remove(session);

    public void Dispose()
    {
        lock (_gate)
        {
            _isOver = true;
            Monitor.Pulse(_gate);
        }
        if (Thread.CurrentThread != _thread)
            _thread.Join();
    }

    private void Run()
    {
        try
        {
            using var inference = inference_mode();
            while (Step())
            {
            }
        }
        catch (Exception e)
        {
            lock (_gate)
                _isOver = true;
            _failed(e);
        }
        using (inference_mode())
            Drain();
        Forget();
    }

    private void Drain()
    {
        while (true)
        {
            while (Command() is { } command)
                command();
            lock (_gate)
            {
                _isDrained = _commands.Count == 0;
                if (_isDrained)
                    return;
            }
        }
    }

    private bool Step()
    {
        while (Command() is { } command)
            command();
        if (Volatile.Read(ref _isOver))
            return false;
        Collect();
        _times.Finish(most: 1);
        foreach (var session in _sessions.ToArray())
            session.Guard(() => Admit(session));
        HandOn();
        Between?.Invoke(_clock.Now);
        if (!_ticks.HasRoom)
        {
            Wait(null);
            return true;
        }
        var free = _times.Free();
        if (free - Ahead is var next && _clock.Now is var now && next > now)
        {
            // It may be over before.
            Wait(next - now < Look ? next : now + Look);
            return true;
        }
        var decision = Policy.Next(new SchedulerView(free, [.. _sessions.Where(s => !s.IsOver).Select(View)], _rowsPerTick));
        foreach (var session in _sessions)
            session.Stream.Wanted = decision.ChunkFrames.GetValueOrDefault(session.Number, 1);
        if (decision.Rows.Count == 0)
            Wait(decision.WaitUntil);
        else
            Tick(decision);
        return true;
    }

    private void Admit(Session session)
    {
        if (session.IsOver)
            return;
        // What was encoded and left out would be missing in a log: the encoder remembers it.
        if (session.Request is { KeepsAll: false, Log: null }
            && session.Stream.LeaveOutLate(_clock.Now, session.Meter.FromAdmission) is > 0 and var late)
            session.LeftOut(late);
        if (session.Stream.Admit(() => _clock.Now, HasAll(session)) is > 0 and var groups)
            session.Admitted(groups);
    }

    private StreamView View(Session session) =>
        session.Stream.View(session.Number, session.Request.Slo, session.AfterDenoising, HasAll(session), keepsOrder: !Policy.NeedsTimes);

    private static bool HasAll(Session session) => session.Intake.HasGivenAll(session.Stream.Waiting);

    private void Tick(TickDecision decision)
    {
        var rows = new List<(Session Session, ReadyRow Row)>();
        foreach (var (number, row) in decision.Rows)
            if (_sessions.Find(s => s.Number == number) is { IsOver: false } session && session.Stream.Shown(row) is { } shown)
                rows.Add((session, shown));
        var recoveries = _recoveries;
        // Rows of other geometries or lengths are passes of their own, whatever the policy thinks; and so are those of a session that is
        // logged: it could not be repeated without the others.
        // Rows of chunks with other strengths of LoRAs are computed with other weights.
        foreach (var pass in rows.Distinct()
            .GroupBy(r => (r.Session.Stream.Lanes.Pool, r.Row.Frames, Logged(r.Session), r.Session.Stream.Lanes.LorasOf(r.Row)))
            .Select(g => g.ToArray()).ToArray())
        {
            // A ring that is full takes no more, and what was chosen before streams were rebuilt is not ready any more: it is chosen again.
            if ((!_ticks.HasRoom && !Collect()) || _recoveries != recoveries)
                return;
            Begin(pass);
        }
    }

    private static Session? Logged(Session session) => session.Request.Log is null ? null : session;

    private void Begin((Session Session, ReadyRow Row)[] rows)
    {
        var recoveries = _recoveries;
        try
        {
            IssueOwn(rows);
        }
        catch (Exception e) when (_recoveries != recoveries)
        {
            // Not theirs alone, but they cannot have what was lost, and whoever comes after them tries again.
            foreach (var session in rows.Select(r => r.Session).Distinct())
                session.Fail(e);
        }
        catch (Exception) when (rows.Select(r => r.Session).Distinct().Skip(1).Any())
        {
            // One of them spoils it: each by itself shows which, and the others go on. A pass that failed has moved no lane.
            foreach (var own in rows.GroupBy(r => r.Session).Select(g => g.ToArray()).ToArray())
            {
                while (!_ticks.HasRoom)
                    Collect(wait: true);
                if (_recoveries != recoveries)
                    return;
                own[0].Session.Guard(() => IssueOwn(own));
            }
        }
        catch (Exception e)
        {
            rows[0].Session.Fail(e);
        }
    }

    private void IssueOwn((Session Session, ReadyRow Row)[] rows) =>
        Session.InStage("denoise", rows[0].Session.Stream.NumberOf(rows[0].Row), () => Issue(rows));

    private void Issue((Session Session, ReadyRow Row)[] rows)
    {
        foreach (var (session, _) in rows)
            session.Stream.Running?.Invoke();
        var lanes = rows[0].Session.Stream.Lanes;
        var shape = new TickShape(
            rows.Length, rows[0].Row.Frames, lanes.Options.Geometry.FrameTokens, rows.Max(r => r.Session.Stream.Lanes.CachedFrames(r.Row)));
        var begun = _clock.Now;
        var start = IsTimed ? _ticks.Runner.Mark() : null;
        var isBehind = _times.IsBusy;
        try
        {
            _ticks.Issue([.. rows.Select(r => (r.Session.Stream.Lanes, r.Row))]);
        }
        catch
        {
            start?.Dispose();
            WasRebuilt();
            throw;
        }
        if (WasRebuilt())
        {
            start?.Dispose();
            return;
        }
        _flying.Enqueue(new Pass(shape, begun, rows, start, isBehind));
        foreach (var own in rows.GroupBy(r => r.Session, r => r.Row))
            own.Key.Stream.Issued([.. own]);
    }

    // Takes what is done; true when something was.
    private bool Collect(bool wait = false)
    {
        var any = false;
        while (_ticks.InFlight > 0 && _ticks.Collect(wait && !any))
        {
            any = true;
            var pass = _flying.Dequeue();
            if (pass.Start is { } start && _ticks.Runner.Mark() is { } end)
                _times.Add(pass.Shape, pass.Begun, pass.IsBehind, start, end, took => Collected(pass, took));
            else
                Collected(pass);
        }
        WasRebuilt();
        if (any)
            HandOn();
        return any;
    }

    // What is done, and what is held behind it. What a device still computes is decoded right behind it.
    private void HandOn()
    {
        var end = _times.Free();
        foreach (var session in _sessions.ToArray())
            session.Guard(() =>
            {
                while (session.Stream.TakeDone(end) is var (clean, trace, groups))
                    session.Decode(clean, trace, groups);
            });
    }

    private void Collected(Pass pass)
    {
        // In a pipe of ticks each takes as long as the distance to the one before.
        var now = _clock.Now;
        var took = now - (pass.Begun > _lastCollected ? pass.Begun : _lastCollected);
        _lastCollected = now;
        Collected(pass, took);
    }

    private void Collected(Pass pass, TimeSpan took)
    {
        Interlocked.Increment(ref _passes);
        Interlocked.Add(ref _rows, pass.Rows.Length);
        Interlocked.Add(ref _busy, took.Ticks);
        foreach (var (session, row) in pass.Rows)
            session.Stream.Serve(row, session.Request.Slo.Weight);
        if (IsTimed || _ticks.Runner.Device.type == TorchSharp.DeviceType.CPU)
            Measured?.Invoke(pass.Shape, took);
    }

    // Ticks that were in flight are gone with the ring that they were in; their rows are ready again.
    private bool WasRebuilt()
    {
        if (_recoveries == _ticks.Recoveries)
            return false;
        _recoveries = _ticks.Recoveries;
        Forget();
        foreach (var session in _sessions)
            session.Stream.Restarted();
        return true;
    }

    private void Forget()
    {
        foreach (var pass in _flying)
            pass.Start?.Dispose();
        _flying.Clear();
        _times.Forget();
    }

    private Action? Command()
    {
        lock (_gate)
        {
            _hasNews = false;
            return _commands.TryDequeue(out var command) ? command : null;
        }
    }

    private void Wait(TimeSpan? until)
    {
        var wait = until is { } time ? time - _clock.Now : LongestWait;
        lock (_gate)
            if (!_hasNews && !_isOver && wait > TimeSpan.Zero)
                Monitor.Wait(_gate, wait < LongestWait ? Math.Max(1, (int)wait.TotalMilliseconds) : (int)LongestWait.TotalMilliseconds);
    }

    /// <param name="Shape">What it costs depends on.</param>
    /// <param name="Begun">When it was issued.</param>
    /// <param name="Rows">Its rows.</param>
    /// <param name="Start">Where it begins in the device's work; null where it is done when it is collected.</param>
    /// <param name="IsBehind">True where the tick before it was not over.</param>
    private sealed record Pass(
        TickShape Shape, TimeSpan Begun, (Session Session, ReadyRow Row)[] Rows, IDeviceMark? Start, bool IsBehind);
}
