using System.Diagnostics;
using System.Text.Json;
using System.Text.Json.Nodes;
using Orleans;
using StreamDiff.Client;
using StreamDiff.Fleet.Contracts;
using StreamDiff.Pipeline.Control;
using StreamDiff.Pipeline.Runs;
using StreamDiff.Server.Events;
using StreamDiff.Server.Problems;
using StreamDiff.Server.Security;
using StreamDiff.Server.Sessions;
using StreamDiff.Transport.Media.Relay;

namespace StreamDiff.Fleet.Workers;

/// <summary>
/// Keeps the sessions of this process as the fleet wants them: tells how they are, is told which they are to be, and renews their right to
/// write. What it is told is all that it is to have, so nothing is lost with a message.
/// </summary>
public sealed class WorkerAgent : IAsyncDisposable
{
    private const int MostEvents = 100;
    private static readonly TimeSpan Again = TimeSpan.FromMilliseconds(100);

    private readonly IGrainFactory _grains;
    private readonly StudioSessions _sessions;
    private readonly SessionServer _server;
    private readonly WorkerSettings _settings;
    private readonly Func<bool> _isReplaying;
    private readonly Action<string, bool> _say;
    private readonly string _incarnation = Guid.NewGuid().ToString("N");
    private readonly Lock _gate = new();
    private readonly Dictionary<string, HeldStream> _held = new(StringComparer.Ordinal);
    private readonly CancellationTokenSource _stop = new();
    private readonly SemaphoreSlim _news = new(0, 1);
    private readonly Listening _events;
    private readonly List<StudioEvent> _untold = [];
    private Task _work = Task.CompletedTask;
    private volatile bool _isDraining;
    private volatile bool _isRefused;
    private long _seen;
    private string _said = "";

    /// <param name="grains">The fleet.</param>
    /// <param name="sessions">The sessions of this process.</param>
    /// <param name="server">Runs them.</param>
    /// <param name="settings">What it is to the fleet.</param>
    /// <param name="isReplaying">True while the process runs a replay.</param>
    /// <param name="say">Told what the user should know; true for trouble.</param>
    public WorkerAgent(
        IGrainFactory grains, StudioSessions sessions, SessionServer server, WorkerSettings settings, Func<bool> isReplaying,
        Action<string, bool> say)
    {
        (_grains, _sessions, _server, _settings, _isReplaying, _say) = (grains, sessions, server, settings, isReplaying, say);
        server.LeaseOf = name =>
        {
            lock (_gate)
                return _held.GetValueOrDefault(name)?.Lease;
        };
        _events = sessions.Events.Listen();
    }

    /// <summary>True where the fleet does not take it: another worker has its name.</summary>
    public bool IsRefused => _isRefused;

    /// <summary>Names of the streams that it has.</summary>
    public IReadOnlyList<string> Streams
    {
        get
        {
            lock (_gate)
                return [.. _held.Keys];
        }
    }

    private IWorkerGrain Self => _grains.GetGrain<IWorkerGrain>(_settings.Name);

    /// <summary>Begins.</summary>
    public void Begin() => _work = Task.WhenAll(Task.Run(BeatOn), Task.Run(WaitForNews));

    /// <summary>Takes no more streams and has those that there are moved; the task is done when it has none.</summary>
    public async Task Drain(CancellationToken ct)
    {
        _isDraining = true;
        Poke();
        while (Streams.Count > 0 && !_isRefused)
            await Task.Delay(Again, ct).ConfigureAwait(false);
        // The fleet is to know that nothing is left here.
        await Task.Delay(_settings.Times.Beat, ct).ConfigureAwait(false);
    }

    public async ValueTask DisposeAsync()
    {
        await _stop.CancelAsync().ConfigureAwait(false);
        await _work.ConfigureAwait(false);
        _events.Dispose();
        _stop.Dispose();
        _news.Dispose();
    }

    private async Task BeatOn()
    {
        while (!_stop.IsCancellationRequested)
        {
            var pause = _settings.Times.Beat;
            var asked = Stopwatch.GetTimestamp();
            try
            {
                var reply = await Self.Beat(Beat()).WaitAsync(_settings.Times.Lease, _stop.Token).ConfigureAwait(false);
                _untold.Clear();
                Follow(reply, asked);
                if (reply.Refusal is null)
                    Say("has joined the fleet", false);
            }
            catch (OperationCanceledException) when (_stop.IsCancellationRequested)
            {
                return;
            }
            catch (Exception e)
            {
                // Without an answer the right to write ends by itself.
                Say($"the fleet does not answer: {(e is TimeoutException ? "no answer in time" : e.Message.Split('\n')[0])}", true);
                pause = Again;
            }
            _ = await _news.WaitAsync(pause).ConfigureAwait(false);
        }
    }

    // What is new is asked for at once, not with the next heartbeat.
    private async Task WaitForNews()
    {
        while (!_stop.IsCancellationRequested)
            try
            {
                var seen = Interlocked.Read(ref _seen);
                await Self.Next(_incarnation, seen).WaitAsync(_stop.Token).ConfigureAwait(false);
                Poke();
                await Task.Delay(Again / 4, _stop.Token).ConfigureAwait(false);
            }
            catch (OperationCanceledException) when (_stop.IsCancellationRequested)
            {
                return;
            }
            catch (Exception)
            {
                // The heartbeat tells of it.
                await Task.Delay(Again).ConfigureAwait(false);
            }
    }

    private void Poke()
    {
        if (_news.CurrentCount == 0)
            try
            {
                _ = _news.Release();
            }
            catch (SemaphoreFullException)
            {
                // Somebody else was quicker.
            }
    }

    private WorkerBeat Beat()
    {
        List<HeldStream> held;
        lock (_gate)
            held = [.. _held.Values];
        // Those of a heartbeat that was not answered are told once more.
        while (_untold.Count < MostEvents && _events.Events.TryRead(out var next))
            _untold.Add(next);
        var host = _server.Statistics;
        return new WorkerBeat(
            _incarnation, _settings.Address, _server.Capacity(_settings.MostStreams), Math.Round(host.Load, 2), _isDraining,
            Interlocked.Read(ref _seen), [.. held.ConvertAll(Report)], [.. _untold], _isReplaying(), host.SuspendedBytes);
    }

    private StreamReport Report(HeldStream held)
    {
        var session = held.IsLeaving || held.Suspending is not null || !held.Opening.IsCompleted ? null : _sessions.TryFind(held.Name);
        var readers = (session?.Run?.Door?.Output.Readers ?? 0) + (session?.Run?.Door?.Source.Readers ?? 0);
        readers += session?.Run?.Outputs.HasPlayers == true ? 1 : 0;
        return held.Report(session is null ? null : SessionRules.InfoOf(session, Caller.Local, _sessions.ModelName), readers);
    }

    private void Follow(BeatReply reply, long asked)
    {
        if (reply.Refusal is { } refusal)
        {
            Say(refusal, true);
            _isRefused = true;
            return;
        }
        (_isRefused, RelayHosts.Current) = (false, reply.Relays);
        lock (_gate)
        {
            foreach (var duty in reply.Streams)
            {
                if (_held.TryGetValue(duty.Name, out var known) && known.Epoch == duty.Epoch && !known.IsLeaving)
                {
                    if (duty.IsSuspended)
                        Suspend(known);
                    else if (duty.MayWrite)
                        known.Lease.Renew(asked, reply.Lease);
                }
                else if (known is null && duty.IsSuspended)
                {
                    // Nothing is left of it: it will begin anew.
                }
                else if (known is null || (known is { IsSuspended: true, IsLeaving: false } && known.Epoch == duty.Resumes))
                {
                    var held = new HeldStream(duty.Name, duty.Epoch) { Resumes = known?.IsKept == true };
                    if (duty.MayWrite)
                        held.Lease.Renew(asked, reply.Lease);
                    _held[duty.Name] = held;
                    held.Opening = Task.Run(() => Open(held));
                }
                else
                {
                    // By another right: begun anew when the former one has ended.
                    Leave(known);
                }
            }
            foreach (var held in _held.Values.Where(h => !reply.Unsure.Contains(h.Name)
                && !reply.Streams.Any(d => d.Name == h.Name && d.Epoch == h.Epoch)).ToList())
                Leave(held);
        }
        Interlocked.Exchange(ref _seen, reply.Number);
    }

    private void Leave(HeldStream held)
    {
        if (held.IsLeaving)
            return;
        held.IsLeaving = true;
        _ = Task.Run(() => End(held));
    }

    private void Suspend(HeldStream held) => held.Suspending ??= Task.Run(async () =>
    {
        try
        {
            await held.Opening.ConfigureAwait(false);
            held.IsKept = await _sessions.Suspend(held.Name).ConfigureAwait(false);
        }
        catch (RefusedException)
        {
            // It never began, or is gone.
        }
        finally
        {
            held.Lease.End();
            held.IsSuspended = true;
            Poke();
        }
    });

    private async Task Open(HeldStream held)
    {
        try
        {
            var assignment = await AssignmentOf(held).ConfigureAwait(false);
            if (assignment is null || held.IsLeaving)
                return;
            var body = Body(assignment.Spec, ControlSummary.Of(assignment.Controls), out var rest);
            while (true)
                try
                {
                    _ = await _sessions.Start(SessionBody.Read(body), Caller.Local, held.Resumes).ConfigureAwait(false);
                    break;
                }
                catch (Exception e) when (e is Transport.Media.MediaException or RefusedException && !held.IsLeaving && IsPassing(e))
                {
                    await Task.Delay(Again, _stop.Token).ConfigureAwait(false);
                }
            if (_sessions.Find(held.Name)?.IsResumed == true)
                rest = ControlSummary.Since(assignment.Controls, assignment.KeptControls);
            foreach (var line in rest?.Commands ?? [])
                await ChangeAgain(held, line).ConfigureAwait(false);
            Poke();
        }
        catch (Exception e) when (!_stop.IsCancellationRequested)
        {
            held.Failure = ProblemAnswers.Of(e).Message;
            Poke();
        }
    }

    // Each by itself: what this machine has not, such as the file of a mask, is missing in a session that runs.
    private async Task ChangeAgain(HeldStream held, string line)
    {
        try
        {
            _ = await Steering.Change(_sessions, held.Name, new ControlRequest { Commands = [line] }, null, false, _stop.Token)
                .ConfigureAwait(false);
        }
        catch (Exception e) when (e is RefusedException or ControlException)
        {
            _sessions.Events.Tell(
                EventKinds.ControlFailed, held.Name, $"{line}: cannot be made again here: {ProblemAnswers.Of(e).Message}", isTrouble: true);
        }
    }

    // As long as the fleet says that it is to be here, whatever cannot be asked at the moment.
    private async Task<Assignment?> AssignmentOf(HeldStream held)
    {
        for (; !held.IsLeaving; await Task.Delay(Again, _stop.Token).ConfigureAwait(false))
            try
            {
                var found = await _grains.GetGrain<IStreamGrain>(held.Name).AssignmentOf(_settings.Name, held.Epoch).ConfigureAwait(false);
                // No front has said yet where its publishers and viewers come.
                if (found?.Spec.IsRelayed != true || RelayHosts.Current.Length > 0)
                    return found;
            }
            catch (Exception e) when (!_stop.IsCancellationRequested)
            {
                Say($"stream {held.Name} cannot be asked for yet: {e.Message.Split('\n')[0]}", true);
            }
        return null;
    }

    // The former one of that name is still closing its outputs.
    private static bool IsPassing(Exception e) => e.Message.Contains("there is a session named", StringComparison.Ordinal);

    private async Task End(HeldStream held)
    {
        try
        {
            // Until it is closed it may say its last words; who takes over waits for that as long as it is heard of.
            await held.Opening.ConfigureAwait(false);
            await (held.Suspending ?? Task.CompletedTask).ConfigureAwait(false);
            while (_sessions.TryFind(held.Name) is not null)
                await _sessions.Stop(held.Name).ConfigureAwait(false);
        }
        catch (RefusedException)
        {
            // It is gone.
        }
        finally
        {
            held.Lease.End();
            lock (_gate)
                _ = _held.Remove(held.Name);
            Poke();
        }
    }

    private static void Replace(JsonObject body, string output, string by)
    {
        if (body["outputs"] is JsonArray several)
        {
            for (var i = 0; i < several.Count; i++)
                if (several[i]!.GetValue<string>() == output)
                    several[i] = by;
        }
        else if (body["outputs"]?.GetValue<string>() == output)
            body["outputs"] = by;
    }

    private string Relay(string name) => $"relay://{RelayHosts.Current}/{Uri.EscapeDataString(name)}?token={_settings.Key}";

    private JsonElement Body(StreamSpec spec, IReadOnlyList<ControlChange> wanted, out ControlRequest? rest)
    {
        var body = JsonNode.Parse(spec.Body)!.AsObject();
        if (spec.Ingest is not null)
            body["input"] = Relay(spec.Name);
        for (var i = 0; i < spec.Egress.Count; i++)
            Replace(body, spec.Egress[i], Relay(spec.EgressName(i)));
        // The fleet begins it again, wherever there is room.
        _ = body.Remove("restart");
        rest = ControlSummary.Into(body, wanted);
        return JsonSerializer.SerializeToElement(body);
    }

    private void Say(string text, bool isTrouble)
    {
        if (text == _said)
            return;
        _said = text;
        _say($"worker {_settings.Name}: {text}", isTrouble);
    }
}
