using Microsoft.Extensions.Logging;
using StreamDiff.Fleet.Contracts;

namespace StreamDiff.Fleet.Grains;

/// <summary>Which worker has a stream: the first one, and the next when that one is to be left or is lost.</summary>
internal sealed partial class StreamGrain
{
    public Task Move(long epoch, string? to) => Alone(async () =>
    {
        if (View is not { Phase: StreamPhase.Running or StreamPhase.Opening, Next: null, Lease: { } lease } view || lease.Epoch != epoch
            || _state!.IsSuspending)
            return false;
        var verdict = await Fleet.Place(Name, view.Spec.Demand, lease.Worker, to);
        if (verdict.Worker is not { } worker)
            return false;
        var next = new StreamLease(worker, EpochAfter(_state.Epoch));
        await Reserved(worker, () => Keep(_state with { View = view with { Next = next }, Epoch = next.Epoch }));
        await Assign(next, false);
        return true;
    });

    private async Task LeaseEnded(StreamView view, string why)
    {
        if (view.Phase == StreamPhase.Stopping)
        {
            await Finish(StreamPhase.Ended, null);
            return;
        }
        if (view.Next is { } next)
        {
            var runs = _ready == next.Epoch;
            await Keep(_state! with
            {
                View = view with
                {
                    Lease = next,
                    Next = null,
                    Moves = view.Moves + 1,
                    Phase = runs ? StreamPhase.Running : StreamPhase.Opening,
                },
            });
            await Assign(next, true);
            return;
        }
        if (_state!.IsSuspending)
        {
            await Suspended(view, view.Lease!, isKept: false);
            return;
        }
        log.LogWarning("stream {Stream}: {Reason}", Name, why);
        // Whoever was there goes before those who wait for their first time. Not kept: where that fails it is still so.
        _state = _state with
        {
            View = view with { Lease = null, Phase = StreamPhase.Queued, QueuedAt = view.Created, Moves = view.Moves + 1, Reason = why },
            Kept = null,
        };
        try
        {
            if (!await TryPlaceNow(null))
                await Keep(_state);
        }
        finally
        {
            await Fleet.Put(View!);
        }
    }

    // Its outputs are closed. What its worker keeps has seen what it was told.
    private async Task Suspended(StreamView view, StreamLease lease, bool isKept)
    {
        await Keep(_state! with
        {
            View = view with { Lease = null, Phase = StreamPhase.Suspended },
            IsSuspending = false,
            Kept = isKept ? new StreamKept(lease, _state.Told) : null,
        });
        if (!isKept)
            await Unassign(lease);
    }

    private async Task<bool> TryPlaceNow(string? except)
    {
        if (View is not { Phase: StreamPhase.Queued } view)
        {
            // Whoever asks believes that it waits.
            await (View is null ? Fleet.Remove(Name) : Fleet.Put(View));
            return true;
        }
        // Where its caches are kept it goes on; elsewhere it begins anew.
        var kept = _state!.Kept?.By;
        var verdict = kept is null ? null : await Fleet.Place(Name, view.Spec.Demand, except, kept.Worker);
        if (verdict?.Worker is null)
            verdict = await Fleet.Place(Name, view.Spec.Demand, except, null);
        if (verdict.Worker is not { } worker)
            return false;
        view = view with { Phase = StreamPhase.Opening, QueuedAt = null, NotBefore = null, Reason = null };
        await Give(_state with { View = view, Kept = kept?.Worker == worker ? _state.Kept : null }, worker);
        if (kept is not null && kept.Worker != worker)
            await Unassign(kept);
        return true;
    }

    private async Task Give(StreamState state, string worker)
    {
        var lease = new StreamLease(worker, EpochAfter(state.Epoch));
        await Reserved(worker, () => Keep(state with { View = state.View with { Lease = lease, Next = null }, Epoch = lease.Epoch }));
        await Assign(lease, true);
    }

    // Also above those of streams of this name that are forgotten: a worker may not have let go of them yet.
    private long EpochAfter(long last) => Math.Max(last + 1, time.GetUtcNow().ToUnixTimeMilliseconds());

    private async Task Reserved(string worker, Func<Task> keep)
    {
        try
        {
            await keep();
        }
        catch
        {
            await Fleet.Release(Name, worker);
            throw;
        }
    }
}
