using System.Diagnostics;
using System.Globalization;
using Microsoft.Extensions.Logging;
using Orleans;
using Orleans.Concurrency;
using Orleans.Runtime;
using StreamDiff.Fleet.Contracts;

namespace StreamDiff.Fleet.Grains;

/// <summary>
/// Renews a worker's right to write, as long as it is heard of, and takes its streams away when it is not. Nothing of it is kept: what it
/// should know its streams tell it.
/// </summary>
[Reentrant]
internal sealed class WorkerGrain(FleetTimes times, ILogger<WorkerGrain> log) : Grain, IWorkerGrain
{
    private static readonly TimeSpan LookEvery = TimeSpan.FromMilliseconds(100);
    private static readonly TimeSpan AttemptEvery = TimeSpan.FromSeconds(0.5);
    private const int MostAttempts = 600;
    private static readonly TimeSpan LongestWait = TimeSpan.FromSeconds(2);

    private readonly Dictionary<string, Duty> _duties = [];
    private readonly Dictionary<string, (StreamPhase Phase, bool HasFrames, long Epoch)> _told = [];

    // Not to be had any more, and the answer by which the worker knows it.
    private readonly Dictionary<(string Name, long Epoch), long> _leaving = [];

    // Taken away, and their streams do not know it yet: whatever the worker says of them, it is not to have them.
    private readonly HashSet<(string Name, long Epoch)> _lost = [];
    // Streams that are asked what the worker may do with them.
    private readonly Dictionary<(string Name, long Epoch), Task<bool>> _asking = [];
    private readonly long _begunAt = Stopwatch.GetTimestamp();
    private TaskCompletionSource _news = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private string? _incarnation;
    private bool _isDraining;
    private long _seenAt = Stopwatch.GetTimestamp();
    private long _number = 1;
    private string _relays = "";

    private string Name => this.GetPrimaryKeyString();

    private IFleetGrain Fleet => GrainFactory.GetGrain<IFleetGrain>(0);

    // No part of a heartbeat's answer is waited for longer: twice this and a heartbeat, which may be half a lease, lie between two
    // renewals.
    private TimeSpan AnswerWithin => times.Lease / 8;

    private bool IsWatched => _incarnation is not null || _duties.Count > 0 || _leaving.Count > 0;

    public override Task OnActivateAsync(CancellationToken cancellationToken)
    {
        _ = this.RegisterGrainTimer(Look, new GrainTimerCreationOptions(LookEvery, LookEvery) { KeepAlive = true, Interleave = true });
        return Task.CompletedTask;
    }

    public async Task<BeatReply> Beat(WorkerBeat beat)
    {
        if (_incarnation is not null && _incarnation != beat.Incarnation)
            return new BeatReply($"a worker named {Name} is there already", default, [], "", 0);
        if (_incarnation is null)
        {
            (_incarnation, _isDraining) = (beat.Incarnation, false);
            log.LogInformation("worker {Worker} has come from {Address}", Name, beat.Address);
        }
        _seenAt = Stopwatch.GetTimestamp();
        var asked = Relays();
        var unsure = await Unsure(beat.Streams);
        foreach (var report in beat.Streams)
            Heard(report);
        foreach (var ((name, epoch), number) in _leaving.ToList())
            if (beat.Seen >= number && !beat.Streams.Any(s => s.Name == name && s.Epoch == epoch))
            {
                _ = _leaving.Remove((name, epoch));
                Later(UntilHeard(name, () => StreamOf(name).Gone(Name, epoch)));
            }
        if (beat.IsDraining && !_isDraining)
        {
            _isDraining = true;
            Later(Fleet.Drain(Name));
            // What it keeps of streams that are suspended goes with it.
            foreach (var duty in _duties.Values.Where(d => d.IsSuspended).ToList())
                await Unassign(duty.Name, duty.Epoch);
        }
        Later(Fleet.Seen(
            new WorkerSummary(
                Name, beat.Incarnation, beat.Address, beat.Capacity, beat.Load, beat.IsDraining, beat.IsReplaying, beat.SuspendedBytes),
            beat.Streams, beat.Events));
        var relays = await asked;
        return new BeatReply(null, times.Lease, [.. _duties.Values.ToArray()], relays, _number) { Unsure = unsure };
    }

    public async Task Next(string incarnation, long number)
    {
        if (_incarnation is not null && incarnation != _incarnation)
            await Task.Delay(LongestWait);
        else if (number == _number)
            _ = await Task.WhenAny(_news.Task, Task.Delay(LongestWait));
    }

    public Task Assign(Duty duty)
    {
        // What is being let go, or was taken away, does not come back, whoever has not heard of that yet.
        if (IsTaken(duty.Name, duty.Epoch))
            return Task.CompletedTask;
        _duties[duty.Name] = duty;
        // What the worker says of it is told once more: by another right, the stream may see it otherwise.
        _ = _told.Remove(duty.Name);
        Tell();
        return Task.CompletedTask;
    }

    public Task Unassign(string name, long epoch)
    {
        if (_duties.TryGetValue(name, out var duty) && duty.Epoch == epoch)
        {
            _ = _duties.Remove(name);
            _ = _told.Remove(name);
            Tell();
            _leaving[(name, epoch)] = _number;
        }
        else if (_incarnation is null && Stopwatch.GetElapsedTime(_begunAt) < times.Lost)
            // This was begun anew, and the worker, which may still write, was not heard of since.
            _ = _leaving.TryAdd((name, epoch), _number);
        else if (!_leaving.ContainsKey((name, epoch)))
            Later(UntilHeard(name, () => StreamOf(name).Gone(Name, epoch)));
        return Task.CompletedTask;
    }

    public Task Vanished(string incarnation)
    {
        if (incarnation == _incarnation)
            Lose("its process has ended");
        return Task.CompletedTask;
    }

    // One that does not answer must not cost the worker its right to all the others.
    private async Task<IReadOnlyList<string>> Unsure(IReadOnlyList<StreamReport> reports)
    {
        var asked = await Task.WhenAll(reports.Select(async r => (r.Name, IsKnown: await IsKnown(r))));
        return [.. asked.Where(a => !a.IsKnown).Select(a => a.Name)];
    }

    private async Task<bool> IsKnown(StreamReport report)
    {
        if (_duties.ContainsKey(report.Name) || IsTaken(report.Name, report.Epoch))
            return true;
        var key = (report.Name, report.Epoch);
        if (!_asking.TryGetValue(key, out var asking) || asking.IsCompleted)
            _asking[key] = asking = Learn(report);
        try
        {
            return await asking.WaitAsync(AnswerWithin);
        }
        catch (TimeoutException)
        {
            return false;
        }
    }

    // A stream whose worker says it has it, and of which nothing is known here, tells itself whether that is right: this silo is new.
    private async Task<bool> Learn(StreamReport report)
    {
        var (key, incarnation) = ((report.Name, report.Epoch), _incarnation);
        try
        {
            var known = await StreamOf(report.Name).DutyOf(Name, report.Epoch);
            // It may have been given, taken or lost meanwhile.
            if (known is not null && incarnation == _incarnation && !IsTaken(report.Name, report.Epoch))
                _ = _duties.TryAdd(report.Name, known);
            return true;
        }
        catch (Exception e)
        {
            log.LogWarning("stream {Stream} cannot be asked for yet: {Problem}", report.Name, e.Message);
            return false;
        }
        finally
        {
            _ = _asking.Remove(key);
        }
    }

    private async Task<string> Relays()
    {
        try
        {
            _relays = await Fleet.Relays().WaitAsync(AnswerWithin);
        }
        catch (Exception e)
        {
            // Those of the last time are as good a guess as any.
            log.LogWarning("worker {Worker}: relays are not known: {Problem}", Name, e.Message);
        }
        return _relays;
    }

    private void Heard(StreamReport report)
    {
        if (!_duties.TryGetValue(report.Name, out var duty) || duty.Epoch != report.Epoch)
            return;
        var now = (report.Phase, report.Info?.Status?.FramesOut > 0, report.Epoch);
        if (_told.TryGetValue(report.Name, out var told) && told == now)
            return;
        _told[report.Name] = now;
        Later(Report(report));
    }

    private bool IsTaken(string name, long epoch) => _leaving.ContainsKey((name, epoch)) || _lost.Contains((name, epoch));

    private async Task Report(StreamReport report)
    {
        try
        {
            await StreamOf(report.Name).Reported(Name, report);
        }
        catch
        {
            // Told once more with the next heartbeat.
            _ = _told.Remove(report.Name);
            throw;
        }
    }

    private Task Look(CancellationToken ct)
    {
        if (IsWatched && Stopwatch.GetElapsedTime(_seenAt) is var silent && silent > times.Lost)
            Lose(string.Create(CultureInfo.InvariantCulture, $"it was not heard of for {silent.TotalSeconds:0.0} s"));
        return Task.CompletedTask;
    }

    private void Lose(string why)
    {
        var streams = _duties.Values.Select(d => (d.Name, d.Epoch)).Concat(_leaving.Keys).Distinct().ToList();
        // One that had given everything away has only gone home.
        why = _isDraining && streams.Count == 0 ? "" : why;
        if (why.Length > 0)
            log.LogWarning("worker {Worker} is lost with {Count} streams: {Reason}", Name, streams.Count, why);
        _duties.Clear();
        _told.Clear();
        _leaving.Clear();
        _lost.UnionWith(streams);
        (_incarnation, _isDraining) = (null, false);
        Tell();
        Later(Tell(streams, why));
    }

    private async Task Tell(List<(string Name, long Epoch)> streams, string why)
    {
        try
        {
            // First nobody is to be placed there any more.
            await Fleet.WorkerLost(Name, why);
        }
        catch (Exception e)
        {
            log.LogWarning("worker {Worker}: {Problem}", Name, e.Message);
        }
        await Task.WhenAll(streams.Select(s => Tell(s.Name, s.Epoch, $"worker {Name} is lost: {why}")));
    }

    private async Task Tell(string stream, long epoch, string why)
    {
        try
        {
            await UntilHeard(stream, () => StreamOf(stream).Lost(Name, epoch, why));
        }
        finally
        {
            _ = _lost.Remove((stream, epoch));
        }
    }

    // Nobody else will tell it.
    private async Task UntilHeard(string stream, Func<Task> tell)
    {
        for (var attempt = 1; ; attempt++)
            try
            {
                await tell();
                return;
            }
            catch (Exception e) when (attempt < MostAttempts)
            {
                log.LogWarning("stream {Stream} cannot be moved yet: {Problem}", stream, e.Message);
                await Task.Delay(AttemptEvery);
            }
    }

    private void Tell()
    {
        _number++;
        _news.TrySetResult();
        _news = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
    }

    private IStreamGrain StreamOf(string name) => GrainFactory.GetGrain<IStreamGrain>(name);

    private async void Later(Task work)
    {
        try
        {
            await work;
        }
        catch (Exception e)
        {
            log.LogWarning("worker {Worker}: {Problem}", Name, e.Message);
        }
    }
}
