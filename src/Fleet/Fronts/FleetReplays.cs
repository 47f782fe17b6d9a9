using System.Globalization;
using Microsoft.AspNetCore.Http;
using Orleans;
using StreamDiff.Client;
using StreamDiff.Fleet.Contracts;
using StreamDiff.Fleet.Studios;
using StreamDiff.Scheduling.Placement;
using StreamDiff.Server.Problems;
using StreamDiff.Server.Security;
using StreamDiff.Server.Sessions;

namespace StreamDiff.Fleet.Fronts;

/// <summary>
/// Replays of a fleet, as HTTP sees them. One runs on the worker that has the log, where that has room, and on another one otherwise, which
/// copies what it needs. Its number is that of the worker behind the worker's name, so that every front knows all of them.
/// </summary>
internal sealed class FleetReplays(IGrainFactory grains, WorkerStudios studios) : IReplays
{
    // As long as a log is copied.
    private static readonly TimeSpan BeginWithin = TimeSpan.FromSeconds(20);

    private IFleetGrain Fleet => grains.GetGrain<IFleetGrain>(0);

    public async Task<IReadOnlyList<ReplayInfo>> All(Caller caller)
    {
        var answers = await studios.Ask(
            async (worker, ct) => await studios.Of(worker).GetReplays(ct).ConfigureAwait(false)).ConfigureAwait(false);
        return
        [
            .. answers.OrderBy(a => a.Worker.Name, StringComparer.Ordinal)
                .SelectMany(a => a.Answer.Where(r => caller.IsFor(r.Session)).Select(r => Named(r, a.Worker))),
        ];
    }

    public async Task<ReplayInfo> Start(NewReplay request, Caller caller, CancellationToken ct)
    {
        Replays.Check(request, caller);
        var logs = await studios.Find(request.Session, "log").ConfigureAwait(false);
        if (logs.Count == 0)
            throw Replays.NoLog(request.Session);
        if (!Server.Storage.StudioFolder.IsName(request.Input)
            || (await studios.Find(request.Session, $"recordings/{request.Input}").ConfigureAwait(false)).Count == 0)
            Replays.CheckInput(request, caller);
        // What the session asked for, as long as the fleet remembers it.
        var demand = (await Fleet.Find(request.Session).ConfigureAwait(false))?.Spec.Demand ?? new StreamDemand(null, null);
        var workers = (await studios.Workers().ConfigureAwait(false)).Where(w => !w.Summary.IsDraining)
            .OrderBy(w => w.Summary.Name == logs[0].Worker ? 0 : 1).ThenBy(w => w.PromisedLoad)
            .ThenBy(w => w.Summary.Name, StringComparer.Ordinal).Select(w => w.Summary);
        var reasons = new List<string>();
        foreach (var worker in workers)
            if (await TryStart(worker, request, demand, reasons, ct).ConfigureAwait(false) is { } info)
                return Named(info, worker);
        var what = reasons.Count == 0 ? "no worker is there that takes any" : string.Join("; ", reasons.Take(3));
        throw new RefusedException(
            StatusCodes.Status503ServiceUnavailable, $"the replay of session {request.Session} is not admitted: {what}");
    }

    public async Task<ReplayInfo> Get(string id, Caller caller)
    {
        var (worker, number) = await Of(id).ConfigureAwait(false);
        var info = await Asked(id, worker, ct => studios.Of(worker).GetReplay(number, ct)).ConfigureAwait(false);
        return caller.IsFor(info.Session)
            ? Named(info, worker)
            : throw new RefusedException(StatusCodes.Status403Forbidden, $"the key {caller.Name} is not for the session {info.Session}");
    }

    public async Task Stop(string id, Caller caller)
    {
        _ = await Get(id, caller).ConfigureAwait(false);
        var (worker, number) = await Of(id).ConfigureAwait(false);
        _ = await Asked(id, worker, async ct =>
        {
            await studios.Of(worker).StopReplay(number, ct).ConfigureAwait(false);
            return true;
        }).ConfigureAwait(false);
    }

    public async Task<ReplayFile> FileOf(string id)
    {
        var (worker, number) = await Of(id).ConfigureAwait(false);
        return new ReplayFile($"/api/v1/replays/{Uri.EscapeDataString(number)}/file", studios.PlaceOf(worker));
    }

    private async Task<ReplayInfo?> TryStart(
        WorkerSummary worker, NewReplay request, StreamDemand demand, List<string> reasons, CancellationToken ct)
    {
        var verdict = await Fleet.PlaceReplay(worker.Name, demand).ConfigureAwait(false);
        if (verdict.Worker is null)
        {
            reasons.Add($"{worker.Name}: {verdict.Reason}");
            return null;
        }
        var hasBegun = false;
        try
        {
            // The worker hears of it where it ends, and does not begin then.
            using var patience = CancellationTokenSource.CreateLinkedTokenSource(ct);
            patience.CancelAfter(BeginWithin);
            var info = await studios.Of(worker).StartReplay(request, patience.Token).ConfigureAwait(false);
            hasBegun = true;
            return info;
        }
        catch (StudioException e) when ((int)e.Status is StatusCodes.Status409Conflict or StatusCodes.Status503ServiceUnavailable)
        {
            reasons.Add($"{worker.Name}: {e.Message}");
            return null;
        }
        catch (StudioException e)
        {
            throw e.Problem?.Problems is { Count: > 0 } problems
                ? new RefusedException((int)e.Status, problems)
                : new RefusedException((int)e.Status, e.Message);
        }
        catch (Exception e) when (e is HttpRequestException or OperationCanceledException && !ct.IsCancellationRequested)
        {
            reasons.Add($"{worker.Name} does not answer");
            return null;
        }
        finally
        {
            if (!hasBegun)
                await Fleet.ReleaseReplay(worker.Name).ConfigureAwait(false);
        }
    }

    private async Task<(WorkerSummary Worker, string Number)> Of(string id)
    {
        var dot = id.LastIndexOf('.');
        var worker = dot < 0
            ? null
            : (await studios.Workers().ConfigureAwait(false)).FirstOrDefault(w => w.Summary.Name == id[..dot])?.Summary;
        return worker is null ? throw RefusedException.NotFound($"there is no replay {id}") : (worker, id[(dot + 1)..]);
    }

    private static async Task<T> Asked<T>(string id, WorkerSummary worker, Func<CancellationToken, Task<T>> question)
    {
        try
        {
            using var patience = new CancellationTokenSource(BeginWithin);
            return await question(patience.Token).ConfigureAwait(false);
        }
        catch (StudioException e) when ((int)e.Status == StatusCodes.Status404NotFound)
        {
            throw RefusedException.NotFound($"there is no replay {id}");
        }
        catch (StudioException e)
        {
            throw new RefusedException((int)e.Status, e.Message);
        }
        catch (Exception e) when (e is HttpRequestException or OperationCanceledException)
        {
            throw new RefusedException(
                StatusCodes.Status503ServiceUnavailable, $"worker {worker.Name}, which has replay {id}, does not answer");
        }
    }

    private static ReplayInfo Named(ReplayInfo info, WorkerSummary worker) =>
        info with { Id = string.Create(CultureInfo.InvariantCulture, $"{worker.Name}.{info.Id}"), Worker = worker.Name };
}
