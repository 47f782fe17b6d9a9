using System.Diagnostics;
using System.Security.Cryptography;
using System.Text.Json;
using System.Text.Json.Nodes;
using Microsoft.AspNetCore.Http;
using Orleans;
using StreamDiff.Client;
using StreamDiff.Fleet.Contracts;
using StreamDiff.Fleet.Studios;
using StreamDiff.Models.Registry;
using StreamDiff.Pipeline.Control;
using StreamDiff.Pipeline.Plan;
using StreamDiff.Scheduling.Admission;
using StreamDiff.Scheduling.Placement;
using StreamDiff.Server.Events;
using StreamDiff.Server.Problems;
using StreamDiff.Server.Security;
using StreamDiff.Server.Sessions;
using StreamDiff.Server.Storage;
using StreamDiff.Transport.Media;
using StreamDiff.Transport.Media.Live;
using StreamDiff.Transport.Media.Relay;

namespace StreamDiff.Fleet.Fronts;

/// <summary>The sessions of a fleet, as HTTP sees them: what a session is asked is asked of the stream, wherever it runs.</summary>
/// <param name="grains">The fleet.</param>
/// <param name="here">Reads descriptions; has no sessions itself.</param>
/// <param name="ingests">Where publishers come.</param>
/// <param name="studios">Where they run.</param>
/// <param name="stopWithin">How long somebody who stops a session waits for its outputs to be closed.</param>
internal sealed class FleetSessions(
    IGrainFactory grains, StudioSessions here, Ingests ingests, WorkerStudios studios, TimeSpan stopWithin) : ISessions
{
    // Whoever asks is answered within a second, open or not.
    private static readonly TimeSpan OpenWithin = TimeSpan.FromSeconds(0.6);
    private static readonly TimeSpan Again = TimeSpan.FromMilliseconds(40);
    private static readonly TimeSpan StoppedAgain = TimeSpan.FromSeconds(2);

    public EventFeed Events => here.Events;

    public bool IsReady { get; internal set; }

    public string? ModelName { get; internal set; }

    public StudioSessions Here => here;

    public IReplays Replays { get; } = new FleetReplays(grains, studios);

    private IFleetGrain Fleet => grains.GetGrain<IFleetGrain>(0);

    public async ValueTask<string?> KeyOf(string name, SessionKey kind) => (await Find(name).ConfigureAwait(false))?.Spec is { } spec
        ? kind switch { SessionKey.Play => spec.PlayKey, SessionKey.Publish => spec.PublishKey, _ => null }
        : null;

    public async ValueTask<IReadOnlyList<SessionInfo>> All(Caller caller)
    {
        var views = (await Asked(Fleet.Streams()).ConfigureAwait(false)).Where(v => caller.IsFor(v.Spec.Name)).OrderBy(v => v.Created);
        var infos = new List<SessionInfo>();
        foreach (var view in views)
            infos.Add(await InfoOf(view, caller).ConfigureAwait(false));
        return infos;
    }

    public async ValueTask<SessionInfo> Get(string name, Caller caller) =>
        await InfoOf(await Found(name).ConfigureAwait(false), caller).ConfigureAwait(false);

    public async Task<(SessionInfo Session, bool IsNew)> Start(JsonElement body, Caller caller, bool queue)
    {
        var read = SessionBody.Read(body);
        _ = StudioFolder.Checked(read.Name, "session");
        if (!caller.IsFor(read.Name))
            throw new RefusedException(StatusCodes.Status403Forbidden, $"the key {caller.Name} is not for the session {read.Name}");
        var spec = Describe(read, caller);
        // A port that cannot be listened at is told to who asks for it.
        var isListening = spec.IsRelayed && ingests.TryBegin(spec);
        StartOutcome outcome;
        try
        {
            outcome = await Asked(StreamOf(read.Name).Start(spec, queue)).ConfigureAwait(false);
        }
        catch when (isListening)
        {
            ingests.Remove(spec.Name);
            throw;
        }
        finally
        {
            if (isListening)
                ingests.Begun(spec.Name);
        }
        if (outcome.Refusal is { } refusal)
        {
            if (isListening)
                ingests.Remove(spec.Name);
            Events.Tell(EventKinds.Refused, read.Name, refusal.Text, isTrouble: true);
            throw new RefusedException(refusal.Status, refusal.Text);
        }
        var view = await Opened(outcome.View!).ConfigureAwait(false);
        return outcome.IsNew && view.Phase == StreamPhase.Failed
            ? throw new RefusedException(StatusCodes.Status422UnprocessableEntity, view.Reason ?? "it could not be opened")
            : (await InfoOf(view, caller).ConfigureAwait(false), outcome.IsNew);
    }

    public async Task<ControlReply> Change(string name, ControlRequest request, long? version, bool wait, CancellationToken ct)
    {
        var asked = Steering.Changes(request);
        var changes = asked.Select(Expanded).ToList();
        var isKept = !asked.All(ControlSum.IsPassing);
        // What is passed on is looked at by who makes it.
        if (isKept && (await Find(name).ConfigureAwait(false))?.Spec is { } spec)
            Check(LimitsOf(spec), request, changes);
        if (asked.Any(c => c is PresetChange or TriggerChange { Change: PresetChange }))
            request = new ControlRequest { Commands = [.. changes.SelectMany(c => c).Select(c => c.ToString())] };
        var outcome = await Asked(StreamOf(name).Control(request, version, wait, isKept)).WaitAsync(ct).ConfigureAwait(false);
        if (outcome.Refusal is { } refusal)
            throw refusal.Problems is { Count: > 0 } problems
                ? new RefusedException(refusal.Status, problems)
                : new RefusedException(refusal.Status, refusal.Text);
        return outcome.Reply is { } reply ? reply with { Version = outcome.Version } : new ControlReply(outcome.Version, []);
    }

    public async Task Stop(string name)
    {
        _ = await Found(name).ConfigureAwait(false);
        _ = await Asked(StreamOf(name).Stop()).ConfigureAwait(false);
        ingests.Remove(name);
        var begun = Stopwatch.GetTimestamp();
        while (await Find(name).ConfigureAwait(false) is { IsAlive: true } view)
        {
            if (Stopwatch.GetElapsedTime(begun) > stopWithin)
                throw new RefusedException(
                    StatusCodes.Status503ServiceUnavailable,
                    $"session {name} is being stopped, but {(view.Lease is { } lease ? $"worker {lease.Worker}" : "its worker")} still "
                    + "closes its outputs: ask again in a moment")
                {
                    RetryAfter = StoppedAgain,
                };
            await Task.Delay(Again).ConfigureAwait(false);
        }
    }

    public async Task<HostReport?> Host()
    {
        var workers = await Asked(Fleet.Workers()).ConfigureAwait(false);
        var numbers = await Asked(Fleet.Numbers()).ConfigureAwait(false);
        return new HostReport(
            new HostInfo(numbers.Running, Math.Round(numbers.Load, 3), 0, workers.Sum(w => w.Summary.Capacity.Lanes), 0, 0, 0)
            {
                Suspended = numbers.Suspended,
                SuspendedBytes = workers.Sum(w => w.Summary.SuspendedBytes),
            },
            $"{workers.Count} worker{(workers.Count == 1 ? "" : "s")}", null);
    }

    public async ValueTask<SessionPlace?> PlaceOf(string name)
    {
        var view = await Found(name).ConfigureAwait(false);
        if (view.Phase == StreamPhase.Suspended)
            await Asked(StreamOf(name).Resume()).ConfigureAwait(false);
        for (var waited = TimeSpan.Zero; view is { IsAlive: true, Lease: null } && waited < OpenWithin; waited += Again)
        {
            await Task.Delay(Again).ConfigureAwait(false);
            view = await Found(name).ConfigureAwait(false);
        }
        if (view.Lease is not { } lease)
            throw view.IsAlive
                ? new RefusedException(StatusCodes.Status503ServiceUnavailable, $"session {name} waits for a worker")
                : new RefusedException(StatusCodes.Status409Conflict, $"session {name} has ended");
        return await Worker(lease).ConfigureAwait(false) is { } worker
            ? studios.PlaceOf(worker)
            : throw new RefusedException(StatusCodes.Status503ServiceUnavailable, $"worker {lease.Worker} is not heard of");
    }

    // With the worker that has it, in most cases; one that has moved or is over left files elsewhere.
    public async ValueTask<SessionPlace?> PlaceOf(string name, string file)
    {
        if ((await Find(name).ConfigureAwait(false))?.Lease is { } lease && await Worker(lease).ConfigureAwait(false) is { } worker
            && await studios.Find(worker, name, file).ConfigureAwait(false) is { } here)
            return here.Place;
        var found = await Asked(studios.Find(name, file)).ConfigureAwait(false);
        return found.Count > 0 ? found[0].Place
            : throw (file == "log" ? Server.Sessions.Replays.NoLog(name)
                : RefusedException.NotFound($"session {name} has no recording {file.Split('/')[^1]}"));
    }

    public async Task<IReadOnlyList<RecordingInfo>?> Recordings(string name)
    {
        var answers = await Asked(studios.Ask(
            async (worker, ct) => await studios.Of(worker).GetRecordings(name, ct).ConfigureAwait(false))).ConfigureAwait(false);
        return [.. answers.SelectMany(a => a.Answer).OrderBy(r => r.Id, StringComparer.Ordinal)];
    }

    private StreamSpec Describe(SessionBody read, Caller caller)
    {
        var (publish, play) = (MakeKey(), MakeKey());
        var (plan, notes) = here.Describe(read, caller, publish, play);
        var input = plan.Options.Input.Address;
        return new StreamSpec(
            plan.Name, read.Canonical, Body(read, publish, play), RelayPort.Takes(input) ? input.Text : null, DemandOf(plan), plan.Restarts,
            publish, play, input.Shown, notes)
        {
            Egress = [.. plan.Options.Output.Addresses.Where(RelayPort.TakesOutput).Select(a => a.Text)],
        };
    }

    // The description with its keys filled in, so that a worker reads what was read here.
    private static string Body(SessionBody read, string publish, string play)
    {
        var body = new JsonObject();
        foreach (var option in read.Values.GroupBy(v => v.Name))
        {
            var texts = option.Select(v => v.Text.Replace("{publishKey}", publish, StringComparison.Ordinal)
                .Replace("{playKey}", play, StringComparison.Ordinal)).ToArray();
            var field = OptionTable.Find(option.Key) is { } known ? SessionBody.FieldOf(known) : option.Key;
            body[field] = texts.Length == 1 ? texts[0] : new JsonArray([.. texts.Select(t => (JsonNode)t)]);
        }
        return body.ToJsonString();
    }

    private static StreamDemand DemandOf(SessionPlan plan)
    {
        if (plan.Options.IsPassthrough || new ModelCatalog().TryFind(plan.Options.Compute.Model) is not { } model)
            return new StreamDemand(null, null);
        var settings = StreamSettings.From(plan.Options.Sampling, model.Config, plan.Options.Frame.SizeFor(model));
        var geometry = settings.Denoiser.Geometry;
        return new StreamDemand(model.Name, new SessionDemand(
            plan.Slo, settings.Denoiser.Timesteps.Count, geometry.FrameTokens, geometry.WindowFrames - 1, default));
    }

    // The presets are those of the front, whichever worker makes what they stand for.
    private IReadOnlyList<ControlChange> Expanded(ControlChange change)
    {
        try
        {
            return change is TriggerChange { Change: PresetChange set } trigger
                ? [.. here.Presets.Expand(set).Select((part, i) => trigger with { Change = part, IsAlso = trigger.IsAlso || i > 0 })]
                : here.Presets.Expand(change);
        }
        catch (ControlException e)
        {
            throw new RefusedException(StatusCodes.Status422UnprocessableEntity, new FieldProblem(e.Message, "preset"));
        }
    }

    // A worker begins with what is kept: what it could not begin with would end the session when it is its turn.
    private static void Check(ControlLimits limits, ControlRequest request, List<IReadOnlyList<ControlChange>> changes)
    {
        var lines = changes.Count - (request.Commands?.Count ?? 0);
        var problems = changes.SelectMany((parts, i) => parts.Select(part => (Text: limits.Refusal(part), Field: FieldOf(i, part))))
            .Where(p => p.Text is not null).Select(p => new FieldProblem(p.Text!, p.Field)).ToList();
        if (problems.Count > 0)
            throw new RefusedException(
                limits.RefusesAll is null ? StatusCodes.Status422UnprocessableEntity : StatusCodes.Status409Conflict, problems);

        string FieldOf(int number, ControlChange change) => number >= lines ? "commands"
            : number == 0 && request.Preset is not null ? "preset"
            : change switch
            {
                PromptChange => "prompt",
                NoiseScaleChange => "noiseScale",
                StepsChange => "steps",
                SeedChange => "seed",
                SinksChange => request.Sinks is null ? "sinkThreshold" : "sinks",
                LoraChange => "loras",
                _ => "paused",
            };
    }

    // What any worker says of its own stream, as far as it is known before there is one.
    private static ControlLimits LimitsOf(StreamSpec spec) => spec.Demand.Model is { } name
        ? new ControlLimits
        {
            MostSteps = Math.Min(
                ControlLimits.Widest.MostSteps,
                new ModelCatalog().TryFind(name)?.Config.Diffusion.DenoisingSteps.Count ?? ControlLimits.Widest.MostSteps),
            WindowFrames = spec.Demand.Demand?.CachedFrames + 1,
        }
        : ControlLimits.OfPassthrough;

    private async Task<StreamView> Opened(StreamView view)
    {
        for (var waited = TimeSpan.Zero; view.Phase == StreamPhase.Opening && waited < OpenWithin; waited += Again)
        {
            await Task.Delay(Again).ConfigureAwait(false);
            view = await Find(view.Spec.Name).ConfigureAwait(false) ?? view;
        }
        return view;
    }

    private async Task<SessionInfo> InfoOf(StreamView view, Caller caller)
    {
        var spec = view.Spec;
        var mayOperate = caller.Role >= Role.Operator && caller.IsFor(spec.Name);
        var queue = view.Phase == StreamPhase.Queued ? await Asked(Fleet.QueueOf(spec.Name)).ConfigureAwait(false) : null;
        var known = view.Info ?? new SessionInfo
        {
            Name = spec.Name,
            State = SessionState.Opening,
            Version = view.Version,
            Created = view.Created,
            Model = spec.Demand.Model ?? ComputeOptions.Passthrough,
            Input = spec.Shown,
        };
        return known with
        {
            State = StateOf(view.Phase),
            Reason = view.Phase == StreamPhase.Stopping ? "it is being stopped: its outputs are not closed yet" : view.Reason,
            Version = view.Version,
            Created = view.Created,
            Ended = view.Ended,
            Input = spec.Shown,
            Notes = spec.Notes,
            Worker = view.Lease?.Worker,
            Moves = view.Moves,
            Queue = queue is var (position, wait)
                ? new QueueInfo(position, wait is { } time ? Math.Round(time.TotalSeconds, 1) : null)
                : null,
            PublishKey = mayOperate ? spec.PublishKey : null,
            PlayKey = mayOperate ? spec.PlayKey : null,
        };
    }

    private static SessionState StateOf(StreamPhase phase) => phase switch
    {
        StreamPhase.Queued => SessionState.Queued,
        StreamPhase.Suspended => SessionState.Suspended,
        StreamPhase.Opening => SessionState.Opening,
        StreamPhase.Ended => SessionState.Ended,
        StreamPhase.Failed => SessionState.Failed,
        _ => SessionState.Running,
    };

    private async Task<StreamView?> Find(string name) => await Asked(Fleet.Find(name)).ConfigureAwait(false);

    private async Task<StreamView> Found(string name) =>
        await Find(name).ConfigureAwait(false) ?? throw RefusedException.NotFound($"there is no session named {name}");

    private async Task<WorkerSummary?> Worker(StreamLease lease) =>
        (await Asked(Fleet.Workers()).ConfigureAwait(false)).FirstOrDefault(w => w.Summary.Name == lease.Worker)?.Summary;

    private IStreamGrain StreamOf(string name) => grains.GetGrain<IStreamGrain>(name);

    // What the fleet cannot answer is no fault of the request's.
    private static async Task<T> Asked<T>(Task<T> question)
    {
        try
        {
            return await question.ConfigureAwait(false);
        }
        catch (Exception e) when (e is not (RefusedException or MediaException))
        {
            throw NoAnswer(e);
        }
    }

    private static async Task Asked(Task question)
    {
        try
        {
            await question.ConfigureAwait(false);
        }
        catch (Exception e) when (e is not (RefusedException or MediaException))
        {
            throw NoAnswer(e);
        }
    }

    private static RefusedException NoAnswer(Exception e) => new(
        StatusCodes.Status503ServiceUnavailable,
        $"the fleet cannot keep what it decides at the moment, so nothing was changed; what runs goes on: {e.Message.Split('\n')[0]}");

    // Also part of addresses: letters and digits only.
    private static string MakeKey() => Convert.ToHexStringLower(RandomNumberGenerator.GetBytes(20));
}
