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

    private CancellationTokenSource _control = new();
    private (long Epoch, long Controls) _given;

    // What its worker calls the session's version, as far as that is known, and the last change that was sent there without an answer.
    private (long Epoch, long? Version) _there;
    private (long Epoch, long Number) _unanswered;

    public Task<ControlOutcome> Control(ControlRequest request, long? version, bool wait, bool isKept) => Alone(async () =>
    {
        if (View is not { IsAlive: true } view || view.Phase == StreamPhase.Stopping)
            return Refused(View is null ? 404 : 409, View is null ? $"there is no session named {Name}" : $"session {Name} has ended");
        if (view.Phase == StreamPhase.Opening && view.Moves == 0)
            return Refused(409, $"session {Name} is still opening");
        if (version is { } wanted && wanted != view.Version)
            return Refused(412, $"session {Name} has version {view.Version} by now, not {wanted}: somebody else has changed it");
        if (!isKept)
            return await Passed(view, request, wait);
        var before = _state!;
        var number = before.Controls.Count == 0 ? 1 : before.Controls[^1].Number + 1;
        var entry = new ControlEntry(number, time.GetUtcNow(), request);
        // Kept before it is made: who is told that it was made finds it there, whoever runs the stream by then.
        await Keep(before with { View = view with { Version = view.Version + 1 }, Controls = WithNext(before.Controls, entry) });
        // Who is to let go of it has ended it already, or will: it is told when it goes on.
        if (View!.Lease is not { } lease || View.Phase != StreamPhase.Running || before.IsSuspending)
            return new ControlOutcome(View.Version, null, null);
        // One after the other: where an earlier one did not arrive, this one is made after it.
        var stop = Asking();
        if (!await CatchUp(lease, stop, number))
            return new ControlOutcome(View.Version, null, null);
        var (reply, refusal) = await Deliver(lease, entry, wait, stop);
        if (refusal is not null)
        {
            await Keep(_state! with
            {
                View = View with { Version = view.Version },
                Controls = [.. _state.Controls.Where(c => c.Number != number)],
            });
            return new ControlOutcome(view.Version, null, refusal);
        }
        if (reply is not null && _given.Epoch == lease.Epoch)
            _given = (lease.Epoch, number);
        return new ControlOutcome(View.Version, reply, null);
    });

    private async Task<ControlOutcome> Passed(StreamView view, ControlRequest request, bool wait)
    {
        if (view is not { Lease: { } lease, Phase: StreamPhase.Running } || _state!.IsSuspending)
            return Refused(409, $"session {Name} has no worker at the moment");
        var stop = Asking();
        if (!await CatchUp(lease, stop))
            return Refused(503, $"worker {lease.Worker} does not answer: nothing was changed");
        var (reply, refusal) = await calls.Control(await AddressOf(lease.Worker), Name, request, wait, null, stop);
        if (refusal is null)
            _there = (lease.Epoch, reply?.Version);
        return reply is null && refusal is null
            ? Refused(503, $"worker {lease.Worker} does not answer")
            : new ControlOutcome(view.Version, reply, refusal);
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

    // What was accepted while the stream was on its way to its worker. False where the worker does not answer.
    private async Task<bool> CatchUp(StreamLease lease, CancellationToken stop, long before = long.MaxValue)
    {
        if (_given.Epoch != lease.Epoch)
            return true;
        foreach (var entry in _state!.Controls.Where(c => c.Number > _given.Controls && c.Number < before).ToList())
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
}
