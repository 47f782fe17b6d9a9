using System.Text.Json;
using Microsoft.AspNetCore.Http;
using StreamDiff.Client;
using StreamDiff.Pipeline.Control;
using StreamDiff.Pipeline.Plan;
using StreamDiff.Server.Problems;

namespace StreamDiff.Server.Sessions;

/// <summary>Changes that come by HTTP.</summary>
internal static class Steering
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(30);

    /// <summary>Makes changes, all or none.</summary>
    /// <param name="sessions">The sessions.</param>
    /// <param name="name">The session.</param>
    /// <param name="request">What is to change.</param>
    /// <param name="version">What the caller believes to change; null for whatever is there.</param>
    /// <param name="wait">True waits until they have taken effect.</param>
    /// <param name="ct">Ends the wait.</param>
    /// <exception cref="RefusedException">One of them cannot be made; then none is.</exception>
    public static async Task<ControlReply> Change(
        StudioSessions sessions, string name, ControlRequest request, long? version, bool wait, CancellationToken ct)
    {
        var (session, run) = sessions.Running(name);
        var controls = sessions.Server.ControlsOf(name)
            ?? throw new RefusedException(StatusCodes.Status409Conflict, $"session {name} has ended");
        var changes = Read(request);
        IReadOnlyList<PendingChange> pending;
        long now;
        lock (session)
        {
            if (version is { } wanted && wanted != session.Version)
                throw new RefusedException(
                    StatusCodes.Status412PreconditionFailed,
                    $"session {name} has version {session.Version} by now, not {wanted}: somebody else has changed it");
            var problems = changes.Select(c => (c.Field, Reason: controls.Refusal(c.Change))).Where(c => c.Reason is not null).ToList();
            if (problems.Count > 0)
                throw new RefusedException(
                    run.Session is null ? StatusCodes.Status409Conflict : StatusCodes.Status422UnprocessableEntity,
                    [.. problems.Select(p => new FieldProblem(p.Reason!, p.Field))]);
            pending = controls.Apply([.. changes.Select(c => c.Change)]);
            now = session.Version;
        }
        IReadOnlyList<string> accepted = [.. pending.Select(p => p.Change.ToString())];
        if (!wait)
            return new ControlReply(now, accepted);
        var effects = Task.WhenAll(pending.Select(p => p.Effect));
        if (await Task.WhenAny(effects, Task.Delay(Patience, ct)).ConfigureAwait(false) != effects)
            return new ControlReply(now, accepted);
        return new ControlReply(
            now, accepted,
            [.. (await effects.ConfigureAwait(false)).Select(e => new AppliedControl(e.Change.ToString(), e.Chunk, e.Frame))]);
    }

    /// <summary>Reads changes of a session's settings; what cannot change while it runs is told of as that.</summary>
    /// <param name="body">The request's.</param>
    /// <exception cref="RefusedException">It is no object, or asks for what cannot be.</exception>
    public static ControlRequest Read(JsonElement body)
    {
        if (body.ValueKind != JsonValueKind.Object)
            throw new RefusedException(StatusCodes.Status400BadRequest, "the body must be an object of what is to change");
        var fixedOnes = body.EnumerateObject().Select(p => p.Name).Except(Changeable)
            .Where(name => SessionBody.Find(name)?.Use.HasFlag(OptionUse.Session) == true)
            .Select(name => new FieldProblem($"{name} cannot change while the session runs: stop it and begin it again", name)).ToList();
        return fixedOnes.Count > 0
            ? throw new RefusedException(StatusCodes.Status409Conflict, fixedOnes)
            : body.Deserialize<ControlRequest>(StudioJson.Strict)!;
    }

    private static IEnumerable<string> Changeable =>
        typeof(ControlRequest).GetProperties().Select(p => JsonNamingPolicy.CamelCase.ConvertName(p.Name));

    /// <summary>The changes of a request, in the order in which they are made.</summary>
    /// <exception cref="RefusedException">One of them cannot be understood.</exception>
    internal static IReadOnlyList<ControlChange> Changes(ControlRequest request) => Read(request).ConvertAll(c => c.Change);

    private static List<(string Field, ControlChange Change)> Read(ControlRequest request)
    {
        var changes = new List<(string, ControlChange)>();
        if (request.Preset is { } preset)
            changes.Add(("preset", new PresetChange(
                preset, request.Blend is { } length ? new Glide(new ControlLength(length)) : default,
                request.Spherical is true ? BlendKind.Spherical : BlendKind.Linear)));
        if (request.Prompt is { } prompt)
            changes.Add(("prompt", new PromptChange(
                prompt, request.Blend ?? 1,
                request.Spherical is true && request.Blend > 1 ? BlendKind.Spherical : BlendKind.Linear)));
        else if (request.Preset is null && (request.Blend is not null || request.Spherical is not null))
            throw new RefusedException(
                StatusCodes.Status422UnprocessableEntity, new FieldProblem("blend needs a prompt or a preset to blend to", "blend"));
        if (request.NoiseScale is { } noise)
            changes.Add(("noiseScale", new NoiseScaleChange(noise)));
        if (request.Steps is { } steps)
            changes.Add(("steps", new StepsChange(steps)));
        if (request.Seed is { } seed)
            changes.Add(("seed", new SeedChange(seed)));
        if (request.Sinks is not null || request.SinkThreshold is not null)
            changes.Add((request.Sinks is null ? "sinkThreshold" : "sinks", new SinksChange(request.Sinks, request.SinkThreshold)));
        foreach (var (name, strength) in request.Loras ?? new Dictionary<string, double>())
            changes.Add(("loras", new LoraChange(name, strength)));
        if (request.Paused is { } paused)
            changes.Add(("paused", new PauseChange(paused)));
        foreach (var line in request.Commands ?? [])
            changes.Add(("commands", Line(line)));
        return changes.Count > 0
            ? changes
            : throw new RefusedException(
                StatusCodes.Status422UnprocessableEntity,
                "a change is missing: prompt, preset, blend, spherical, noiseScale, steps, seed, sinks, sinkThreshold, loras, paused or "
                    + "commands");
    }

    private static ControlChange Line(string? line)
    {
        try
        {
            return ControlLine.ParseChange(line ?? "");
        }
        catch (FormatException e)
        {
            throw new RefusedException(StatusCodes.Status422UnprocessableEntity, new FieldProblem(e.Message, "commands"));
        }
    }
}
