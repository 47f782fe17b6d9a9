using Microsoft.Extensions.Logging;
using Orleans;
using Orleans.Concurrency;
using Orleans.Runtime;
using StreamDiff.Client;
using StreamDiff.Fleet.Contracts;

namespace StreamDiff.Fleet.Grains;

/// <summary>
/// One stream. What it decides is kept before anybody is told: a right to write has a number that was never given before, whatever fails.
/// </summary>
[Reentrant]
internal sealed partial class StreamGrain(
    [PersistentState("streams", StreamGrain.Storage)] IPersistentState<Kept> kept, WorkerCalls calls, TimeProvider time,
    ILogger<StreamGrain> log) : Grain, IStreamGrain, IDisposable
{
    /// <summary>Name of the storage of all grains.</summary>
    public const string Storage = "fleet";

    private static readonly TimeSpan RestartAfter = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan TellAgain = TimeSpan.FromSeconds(0.5);

    // Grains that call each other must not wait for each other: turns interleave, and this keeps what must not.
    private readonly SemaphoreSlim _gate = new(1);
    private StreamState? _state;

    // The epoch under which it runs already on the worker that is to have it next.
    private long _ready;
    private bool _isTelling;
    private bool _isOver;

    private string Name => this.GetPrimaryKeyString();

    private IFleetGrain Fleet => GrainFactory.GetGrain<IFleetGrain>(0);

    private StreamView? View => _state?.View;

    public override Task OnActivateAsync(CancellationToken cancellationToken)
    {
        _state = kept.State.Read<StreamState>();
        // The directory may have been told of it never.
        if (View is { IsAlive: true })
            TellUntilHeard();
        return Task.CompletedTask;
    }

    public override Task OnDeactivateAsync(DeactivationReason reason, CancellationToken cancellationToken)
    {
        _isOver = true;
        return Task.CompletedTask;
    }

    public Task<StartOutcome> Start(StreamSpec spec, bool queue) => Alone(async () =>
    {
        if (View is { IsAlive: true } known)
            return known.Spec.Canonical == spec.Canonical
                ? new StartOutcome(known, false, null)
                : new StartOutcome(null, false, new Refusal(
                    409, $"there is a session named {Name} already, with other settings: change it, stop it or take another name"));
        var view = new StreamView { Spec = spec, Phase = StreamPhase.Opening, Version = 1, Created = time.GetUtcNow() };
        var verdict = await Fleet.Place(Name, spec.Demand, null, null);
        if (verdict.Worker is { } worker)
        {
            await Give(new StreamState { View = view, Epoch = _state?.Epoch ?? 0 }, worker);
            return new StartOutcome(View, true, null);
        }
        if (!queue)
            return new StartOutcome(null, false, new Refusal(503, $"session {Name} is not admitted: {verdict.Reason}"));
        if (await Fleet.MayQueue() is { } full)
            return new StartOutcome(null, false, new Refusal(503, $"session {Name} is not admitted: {verdict.Reason}; {full}"));
        await Keep(new StreamState
        {
            View = view with { Phase = StreamPhase.Queued, QueuedAt = view.Created, Reason = verdict.Reason },
            Epoch = _state?.Epoch ?? 0,
        });
        return new StartOutcome(View, true, null);
    });

    public Task<bool> Stop() => Alone(async () =>
    {
        if (View is not { } view)
            return false;
        if (!view.IsAlive)
            await ForgetNow();
        else if (view.Lease is null)
        {
            await Unassign(_state!.Kept?.By);
            await Finish(StreamPhase.Ended, null);
        }
        else
        {
            if (view.Phase != StreamPhase.Stopping)
                await Keep(_state! with { View = view with { Phase = StreamPhase.Stopping } });
            // Also for one that is being stopped: its worker may not have heard of it.
            await Unassign(view.Next);
            await Unassign(view.Lease);
        }
        return true;
    });

    public Task Forget() => Alone(async () =>
    {
        // Somebody may have begun it again since the directory was told that it is over.
        if (View is { IsAlive: true } view)
            await Fleet.Put(view);
        else
            await ForgetNow();
        return true;
    });

    // Not one at a time: the directory, which asks this while it begins, may be what another turn waits for.
    public async Task<StreamView?> Recall()
    {
        if (View is { IsAlive: true, Lease: { } lease })
        {
            await Assign(lease, true);
            // Another turn may have decided otherwise meanwhile.
            if (View is { IsAlive: true, Next: { } next })
                await Assign(next, false);
            if (View?.Lease != lease || View.Phase == StreamPhase.Stopping)
                await Unassign(lease);
        }
        else if (View?.Phase == StreamPhase.Suspended && _state!.Kept is { } kept)
            await Assign(kept.By, false);
        return View;
    }

    public Task<bool> TryPlace() => Alone(() => TryPlaceNow(null));

    // After the change that is being made: what is told to its worker is known then.
    public Task Suspend(long epoch) => InTurn(() => Alone(async () =>
    {
        if (View is { Phase: StreamPhase.Running, Next: null, Lease: { } lease } && lease.Epoch == epoch)
        {
            // Kept now: what is changed from here on is not told to its worker any more.
            await Keep(_state! with
            {
                IsSuspending = true,
                Told = _given.Epoch == lease.Epoch ? _given.Controls : _state.Controls.Count == 0 ? 0 : _state.Controls[^1].Number,
            });
            await Assign(lease, false);
        }
        return true;
    }));

    public Task Resume() => Alone(async () =>
    {
        if (View is { Phase: StreamPhase.Suspended } view)
        {
            await Keep(_state! with { View = view with { Phase = StreamPhase.Queued, QueuedAt = time.GetUtcNow() } });
            _ = await TryPlaceNow(null);
        }
        return true;
    });

    public async Task Lost(string worker, long epoch, string why)
    {
        var lost = new StreamLease(worker, epoch);
        // A worker that does not answer is not waited for.
        if (View?.Lease == lost)
            await _control.CancelAsync();
        _ = await Alone(async () =>
        {
            if (View is not { IsAlive: true } view)
                return false;
            if (_state!.Kept?.By == lost)
                await Keep(_state with { Kept = null });
            if (view.Next == lost)
                await Keep(_state! with { View = view with { Next = null } });
            if (view.Lease == lost)
                await LeaseEnded(view, why);
            return true;
        });
        _ = await CatchUp();
    }

    public async Task Reported(string worker, StreamReport report)
    {
        var wasOpening = View?.Phase == StreamPhase.Opening;
        _ = await Alone(() => ReportedNow(worker, report));
        if (wasOpening && View?.Phase == StreamPhase.Running)
            _ = await CatchUp();
    }

    private async Task<bool> ReportedNow(string worker, StreamReport report)
    {
        if (_state?.Kept?.By == new StreamLease(worker, report.Epoch))
            return true;
        // What it has no right to it is to let go.
        if (!Has(worker, report.Epoch))
        {
            await Unassign(new StreamLease(worker, report.Epoch));
            return false;
        }
        if (View is not { IsAlive: true } view)
            return false;
        if (view.Next is { } next && (next.Worker, next.Epoch) == (worker, report.Epoch))
        {
            if (report.Phase == StreamPhase.Running)
            {
                _ready = next.Epoch;
                // The one before closes its outputs; when it has, this one is given them.
                if (await IsReady(report))
                    await Unassign(view.Lease);
            }
            else if (report.Phase is StreamPhase.Ended or StreamPhase.Failed)
            {
                await Keep(_state! with { View = view with { Next = null } });
                await Unassign(next);
            }
            return true;
        }
        if (view.Lease is not { } lease || (lease.Worker, lease.Epoch) != (worker, report.Epoch) || view.Phase == StreamPhase.Stopping)
            return false;
        if (report.Phase == StreamPhase.Suspended && _state!.IsSuspending)
            await Suspended(view, lease, report.IsKept);
        else if (report.Phase == StreamPhase.Running && view.Phase == StreamPhase.Opening)
        {
            await Keep(_state! with { View = view with { Phase = StreamPhase.Running, Reason = null }, Kept = null });
        }
        else if (report.Phase == StreamPhase.Failed && view.Spec.Restarts)
        {
            await Unassign(lease);
            await Keep(_state! with
            {
                View = view with
                {
                    Lease = null,
                    Phase = StreamPhase.Queued,
                    QueuedAt = time.GetUtcNow(),
                    NotBefore = time.GetUtcNow() + RestartAfter,
                    Reason = report.Reason,
                },
                IsSuspending = false,
                Kept = null,
            });
        }
        else if (report.Phase is StreamPhase.Ended or StreamPhase.Failed)
        {
            await Unassign(lease);
            await Unassign(view.Next);
            await Finish(report.Phase, report.Reason, report.Info);
        }
        return true;
    }

    public async Task Gone(string worker, long epoch)
    {
        _ = await Alone(async () =>
        {
            if (View is { IsAlive: true } view && view.Lease is { } lease && (lease.Worker, lease.Epoch) == (worker, epoch))
                await LeaseEnded(view, $"worker {worker} does not have it any more");
            else if (_state?.Kept?.By == new StreamLease(worker, epoch))
                await Keep(_state with { Kept = null });
            return true;
        });
        _ = await CatchUp();
    }

    public Task<Assignment?> AssignmentOf(string worker, long epoch)
    {
        if (!Has(worker, epoch))
            return Task.FromResult<Assignment?>(null);
        _given = (epoch, _state!.Controls.Count == 0 ? 0 : _state.Controls[^1].Number);
        return Task.FromResult<Assignment?>(new Assignment(View!.Spec, _state.Controls, _state.Kept?.Controls ?? 0));
    }

    public Task<Duty?> DutyOf(string worker, long epoch) => Task.FromResult(
        Has(worker, epoch) && View!.Phase != StreamPhase.Stopping ? DutyOf(new StreamLease(worker, epoch), View.Lease!.Epoch == epoch)
        : _state?.Kept?.By == new StreamLease(worker, epoch) && View!.Phase == StreamPhase.Suspended
            ? DutyOf(_state.Kept.By, mayWrite: false)
        : null);

    public void Dispose()
    {
        _gate.Dispose();
        _turn.Dispose();
        _control.Dispose();
    }

    private bool Has(string worker, long epoch) => View is { IsAlive: true } view
        && (view.Lease == new StreamLease(worker, epoch) || view.Next == new StreamLease(worker, epoch));

    private async Task ForgetNow()
    {
        if (_state is not null)
            await kept.ClearStateAsync();
        _state = null;
        await Fleet.Remove(Name);
        DeactivateOnIdle();
    }

    // A source that nobody sends to is as ready as it can be.
    private async Task<bool> IsReady(StreamReport report) => report.Info?.Status is { FramesOut: > 0 }
        || (await Fleet.Find(Name))?.Info?.Status is null or { Source: not "open" };

    private Task Finish(StreamPhase phase, string? reason, SessionInfo? last = null) => Keep(_state! with
    {
        View = View! with
        {
            Phase = phase,
            Reason = reason,
            Lease = null,
            Next = null,
            QueuedAt = null,
            NotBefore = null,
            Ended = time.GetUtcNow(),
            Info = last ?? View.Info,
        },
        IsSuspending = false,
        Kept = null,
    });

    // In memory only where it is on the disk: what could not be kept was not decided.
    private async Task Keep(StreamState state)
    {
        var before = kept.State.Json;
        kept.State.Write(state);
        try
        {
            await kept.WriteStateAsync();
        }
        catch
        {
            kept.State.Json = before;
            throw;
        }
        _state = state;
        try
        {
            await Fleet.Put(state.View);
        }
        catch (Exception e)
        {
            // It is so, whether or not the directory has heard of it.
            log.LogWarning("stream {Stream}: {Problem}", Name, e.Message);
            TellUntilHeard();
        }
    }

    private async void TellUntilHeard()
    {
        if (_isTelling)
            return;
        _isTelling = true;
        // Whoever began this waits for it, and may be the directory.
        await Task.Delay(TellAgain);
        while (!_isOver && View is { } view)
            try
            {
                await Fleet.Put(view);
                break;
            }
            catch (Exception)
            {
                await Task.Delay(TellAgain);
            }
        _isTelling = false;
    }

    private async Task<Uri?> AddressOf(string worker) =>
        (await Fleet.Workers()).FirstOrDefault(w => w.Summary.Name == worker)?.Summary.Address;

    private Task Assign(StreamLease lease, bool mayWrite) =>
        GrainFactory.GetGrain<IWorkerGrain>(lease.Worker).Assign(DutyOf(lease, mayWrite));

    private Duty DutyOf(StreamLease lease, bool mayWrite)
    {
        var kept = _state!.Kept?.By;
        var isSuspended = kept == lease || (_state.IsSuspending && View!.Lease == lease);
        return new Duty(Name, lease.Epoch, mayWrite && !isSuspended, isSuspended)
        {
            Resumes = !isSuspended && kept?.Worker == lease.Worker ? kept.Epoch : 0,
        };
    }

    private Task Unassign(StreamLease? lease) =>
        lease is null ? Task.CompletedTask : GrainFactory.GetGrain<IWorkerGrain>(lease.Worker).Unassign(Name, lease.Epoch);

    private static ControlOutcome Refused(int status, string text) => new(0, null, new Refusal(status, text));

    private Task<T> Alone<T>(Func<Task<T>> work) => Within(_gate, work);

    // One change after the other.
    private Task<T> InTurn<T>(Func<Task<T>> work) => Within(_turn, work);

    private static async Task<T> Within<T>(SemaphoreSlim gate, Func<Task<T>> work)
    {
        await gate.WaitAsync();
        try
        {
            return await work();
        }
        finally
        {
            _ = gate.Release();
        }
    }
}
