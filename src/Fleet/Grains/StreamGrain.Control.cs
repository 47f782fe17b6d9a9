using Microsoft.Extensions.Logging;
using StreamDiff.Client;
using StreamDiff.Fleet.Contracts;

namespace StreamDiff.Fleet.Grains;

/// <summary>Changes of a stream's settings: kept first, then made by the worker that has it, or by the next one.</summary>
internal sealed partial class StreamGrain
{
    private const int MostControls = 1000;

    private CancellationTokenSource _control = new();
    private (long Epoch, long Controls) _given;

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
        if (!await CatchUp(lease, number))
            return new ControlOutcome(View.Version, null, null);
        // Not disposed: whoever hears of a lost worker cancels it, whether or not it is still asked.
        var stop = _control = new CancellationTokenSource();
        var (reply, refusal) = await calls.Control(await AddressOf(lease.Worker), Name, request, wait, stop.Token);
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
        var stop = _control = new CancellationTokenSource();
        var (reply, refusal) = await calls.Control(await AddressOf(lease.Worker), Name, request, wait, stop.Token);
        return reply is null && refusal is null
            ? Refused(503, $"worker {lease.Worker} does not answer: nothing was changed")
            : new ControlOutcome(view.Version, reply, refusal);
    }

    // All that is kept is written with each change.
    private static IReadOnlyList<ControlEntry> WithNext(IReadOnlyList<ControlEntry> controls, ControlEntry next) =>
        controls.Count < MostControls
            ? [.. controls, next]
            : [ControlSummary.Joined([.. controls.Take(MostControls / 2)]), .. controls.Skip(MostControls / 2), next];

    public Task<IReadOnlyList<ControlEntry>> Log() =>
        Task.FromResult<IReadOnlyList<ControlEntry>>(_state is null ? [] : [.. _state.Controls.ToArray()]);

    // What was accepted while the stream was on its way to its worker. False where the worker does not answer.
    private async Task<bool> CatchUp(StreamLease lease, long before = long.MaxValue)
    {
        if (_given.Epoch != lease.Epoch)
            return true;
        foreach (var entry in _state!.Controls.Where(c => c.Number > _given.Controls && c.Number < before).ToList())
        {
            var (reply, refusal) = await calls.Control(await AddressOf(lease.Worker), Name, entry.Change, false, CancellationToken.None);
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
