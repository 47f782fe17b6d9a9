using Microsoft.Extensions.Logging;
using StreamDiff.Client;
using StreamDiff.Fleet.Contracts;
using StreamDiff.Server.Sessions;

namespace StreamDiff.Fleet.Grains;

/// <summary>Changes of a stream's settings: kept first, then made by the worker that has it, or by the next one.</summary>
internal sealed partial class StreamGrain
{
    private const int MostControls = 1000;

    // Shorter than what whoever asks a grain waits: a change that is kept must not be answered by a failure.
    private static readonly TimeSpan WorkerPatience = TimeSpan.FromSeconds(4);

    // Whoever wants both takes this one first.
    private readonly SemaphoreSlim _turn = new(1);
    private CancellationTokenSource _control = new();
    private (long Epoch, long Controls) _given;

    // What its worker calls the session's version, as far as that is known, and the last change that was sent there without an answer.
    private (long Epoch, long? Version) _there;
    private (long Epoch, long Number) _unanswered;

    // Not with the stream for itself: an effect may be waited for, and it can be stopped, reported of and moved meanwhile.
    public Task<ControlOutcome> Control(ControlRequest request, long? version, bool wait, bool isKept) => InTurn(async () =>
    {
        var begun = await Alone(() => Begin(request, version, isKept));
        if (begun is not { Lease: { } lease, Outcome.Version: var now })
            return begun.Outcome;
        // One after the other: where an earlier one did not arrive, this one is made after it.
        var stop = Asking();
        if (begun.Entry is not { } entry)
            return await Passed(lease, now, request, wait, stop);
        if (!await CatchUp(lease, stop, entry.Number))
            return begun.Outcome;
        var (reply, refusal) = await Deliver(lease, entry, wait, stop);
        if (refusal is not null)
        {
            _ = await Alone(() => TakeBack(entry));
            return new ControlOutcome(now - 1, null, refusal);
        }
        if (reply is not null && _given.Epoch == lease.Epoch)
            _given = (lease.Epoch, entry.Number);
        return begun.Outcome with { Reply = reply };
    });

    private async Task<Begun> Begin(ControlRequest request, long? version, bool isKept)
    {
        if (View is not { IsAlive: true } view || view.Phase == StreamPhase.Stopping)
            return new(Refused(View is null ? 404 : 409, View is null ? $"there is no session named {Name}" : $"session {Name} has ended"));
        if (view.Phase == StreamPhase.Opening && view.Moves == 0)
            return new(Refused(409, $"session {Name} is still opening"));
        if (version is { } wanted && wanted != view.Version)
            return new(Refused(412, $"session {Name} has version {view.Version} by now, not {wanted}: somebody else has changed it"));
        // Who is to let go of it has ended it already, or will: it is told when it goes on.
        var lease = view.Phase == StreamPhase.Running && !_state!.IsSuspending ? view.Lease : null;
        if (!isKept)
            return lease is null
                ? new(Refused(409, $"session {Name} has no worker at the moment"))
                : new(new ControlOutcome(view.Version, null, null), lease);
        var before = _state!;
        var number = before.Controls.Count == 0 ? 1 : before.Controls[^1].Number + 1;
        var entry = new ControlEntry(number, time.GetUtcNow(), request);
        // Kept before it is made: who is told that it was made finds it there, whoever runs the stream by then.
        await Keep(before with { View = view with { Version = view.Version + 1 }, Controls = WithNext(before.Controls, entry) });
        return new(new ControlOutcome(view.Version + 1, null, null), lease, entry);
    }

    // What its worker refuses changes nothing, where the stream is still the one that it was kept for.
    private async Task<bool> TakeBack(ControlEntry entry)
    {
        if (_state is not { } state || !state.Controls.Contains(entry))
            return false;
        await Keep(state with
        {
            View = state.View with { Version = state.View.Version - 1 },
            Controls = [.. state.Controls.Where(c => c != entry)],
        });
        return true;
    }

    private async Task<ControlOutcome> Passed(StreamLease lease, long version, ControlRequest request, bool wait, CancellationToken stop)
    {
        if (!await CatchUp(lease, stop))
            return Refused(503, $"worker {lease.Worker} does not answer: nothing was changed");
        var (reply, refusal) = await calls.Control(await AddressOf(lease.Worker), Name, request, wait, null, stop);
        if (refusal is null)
            _there = (lease.Epoch, reply?.Version);
        return reply is null && refusal is null
            ? Refused(503, $"worker {lease.Worker} does not answer")
            : new ControlOutcome(version, reply, refusal);
    }

    // Not disposed: whoever hears of a lost worker cancels it, whether or not it is still asked.
    private CancellationToken Asking() => (_control = new CancellationTokenSource(WorkerPatience)).Token;

    // Once, whatever becomes of answers: nobody else changes the session at its worker, so its version says whether a change that was not
    // answered was made. An answer that waits for the effect may come too late for whoever asks.
    private async Task<(ControlReply? Reply, Refusal? Refusal)> Deliver(
        StreamLease lease, ControlEntry entry, bool wait, CancellationToken stop)
    {
        var (worker, sent) = (await AddressOf(lease.Worker), (lease.Epoch, entry.Number));
        while (true)
        {
            if (_there.Epoch != lease.Epoch || _there.Version is not { } version)
            {
                var (session, unknown) = await calls.Session(worker, Name, stop);
                if (session is null)
                    return (null, unknown);
                _there = (lease.Epoch, version = session.Version);
            }
            var isSentAgain = _unanswered == sent;
            _unanswered = sent;
            var (reply, refusal) = await calls.Control(worker, Name, entry.Change, wait, version, stop);
            if (reply is null && refusal is null)
            {
                if (!wait)
                    return (null, null);
                wait = false;
                continue;
            }
            _unanswered = default;
            if (refusal?.Status != 412)
            {
                if (reply is not null)
                    _there = (lease.Epoch, reply.Version);
                return (reply, refusal);
            }
            _there = default;
            if (isSentAgain)
                return (new ControlReply(version + 1, [.. Steering.Changes(entry.Change).Select(c => c.ToString())]), null);
        }
    }

    // All that is kept is written with each change.
    private static IReadOnlyList<ControlEntry> WithNext(IReadOnlyList<ControlEntry> controls, ControlEntry next) =>
        controls.Count < MostControls
            ? [.. controls, next]
            : [ControlSummary.Joined([.. controls.Take(MostControls / 2)]), .. controls.Skip(MostControls / 2), next];

    public Task<IReadOnlyList<ControlEntry>> Log() =>
        Task.FromResult<IReadOnlyList<ControlEntry>>(_state is null ? [] : [.. _state.Controls.ToArray()]);

    // What was accepted while the stream was on its way to its worker, once it runs there.
    private Task<bool> CatchUp() => InTurn(async () =>
        View is { Phase: StreamPhase.Running, Lease: { } lease } && !_state!.IsSuspending && await CatchUp(lease, Asking()));

    // False where the worker does not answer.
    private async Task<bool> CatchUp(StreamLease lease, CancellationToken stop, long before = long.MaxValue)
    {
        if (_given.Epoch != lease.Epoch)
            return true;
        foreach (var entry in (_state?.Controls ?? []).Where(c => c.Number > _given.Controls && c.Number < before).ToList())
        {
            var (reply, refusal) = await Deliver(lease, entry, wait: false, stop);
            if (reply is null && refusal is null)
            {
                log.LogWarning("stream {Stream}: worker {Worker} does not answer: a change is made later", Name, lease.Worker);
                return false;
            }
            if (refusal is not null)
                log.LogWarning("stream {Stream}: a change that was kept is refused: {Reason}", Name, refusal.Text);
            _given = (lease.Epoch, entry.Number);
        }
        return true;
    }

    /// <param name="Outcome">What is answered, unless the worker says more.</param>
    /// <param name="Lease">Who is told of it; null for nobody.</param>
    /// <param name="Entry">As it was kept; null for what is not.</param>
    private readonly record struct Begun(ControlOutcome Outcome, StreamLease? Lease = null, ControlEntry? Entry = null);
}
