using System.Text.Json;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.AspNetCore.Mvc;
using Microsoft.AspNetCore.Routing;
using StreamDiff.Client;
using StreamDiff.Server.Problems;
using StreamDiff.Server.Security;
using StreamDiff.Server.Sessions;
using StreamDiff.Transport.Media.Stills;

namespace StreamDiff.Server.Api;

/// <summary>Sessions: begin, look at, change, steer, stop.</summary>
internal sealed class SessionEndpoints(ISessions sessions)
{
    public void Map(RouteGroupBuilder api)
    {
        api.MapGet("/sessions", All).Needs(Role.Viewer).WithName("listSessions")
            .WithSummary("All sessions that are known, the oldest first.");
        api.MapPost("/sessions", Start).Needs(Role.Operator).Accepts<NewSession>("application/json").WithName("startSession")
            .WithSummary("Begin a session; answers when it is open. The same description once more is the session that is there. "
                + "queue=true waits in a queue where a fleet has no room.");
        api.MapGet("/sessions/{name}", One).Needs(Role.Viewer).WithName("getSession").WithSummary("A session.");
        api.MapPatch("/sessions/{name}", Change).Needs(Role.Operator).Accepts<ControlRequest>("application/json").WithName("changeSession")
            .WithSummary("Change a session's settings while it runs; with If-Match only the version that was meant.");
        api.MapPost("/sessions/{name}/controls", Control).Needs(Role.Operator).WithName("controlSession")
            .WithSummary("Steer a session; with wait=true answers when the changes have taken effect.");
        api.MapDelete("/sessions/{name}", Stop).Needs(Role.Operator).WithName("stopSession")
            .WithSummary("Stop a session; answers when its outputs are closed. One that is over is forgotten.");
        api.MapGet("/sessions/{name}/snapshot", Snapshot).Needs(Role.Viewer, SessionKey.Play).WithName("getSnapshot")
            .WithSummary("The frame that was sent last, format=jpeg or png.").Produces(StatusCodes.Status200OK, contentType: "image/jpeg");
    }

    private ValueTask<IReadOnlyList<SessionInfo>> All(Caller caller) => sessions.All(caller);

    private async Task<Results<Created<SessionInfo>, Ok<SessionInfo>>> Start(
        [FromBody] JsonElement body, bool? queue, Caller caller, HttpContext context)
    {
        var (session, isNew) = await sessions.Start(body, caller, queue ?? false).ConfigureAwait(false);
        Tags.Tell(context, session.Version);
        if (isNew)
            return TypedResults.Created($"/api/v1/sessions/{Uri.EscapeDataString(session.Name)}", session);
        return TypedResults.Ok(session);
    }

    private async Task<Ok<SessionInfo>> One(string name, Caller caller, HttpContext context)
    {
        var session = await sessions.Get(name, caller).ConfigureAwait(false);
        Tags.Tell(context, session.Version);
        return TypedResults.Ok(session);
    }

    private async Task<Ok<SessionInfo>> Change(
        string name, [FromBody] JsonElement body, Caller caller, HttpContext context, CancellationToken ct)
    {
        var request = Steering.Read(body);
        SessionRules.CheckOpened(request, caller);
        await sessions.Change(name, request, Tags.Wanted(context), wait: true, ct).ConfigureAwait(false);
        return await One(name, caller, context).ConfigureAwait(false);
    }

    private async Task<Ok<ControlReply>> Control(
        string name, [FromBody] ControlRequest request, bool? wait, Caller caller, HttpContext context, CancellationToken ct)
    {
        SessionRules.CheckOpened(request, caller);
        var reply = await sessions.Change(name, request, Tags.Wanted(context), wait ?? false, ct).ConfigureAwait(false);
        Tags.Tell(context, reply.Version);
        return TypedResults.Ok(reply);
    }

    private async Task<NoContent> Stop(string name, Caller caller)
    {
        _ = caller;
        await sessions.Stop(name).ConfigureAwait(false);
        return TypedResults.NoContent();
    }

    private FileContentHttpResult Snapshot(string name, string? format, Caller caller)
    {
        _ = caller;
        var kind = format ?? "jpeg";
        if (kind is not ("jpeg" or "png"))
            throw new RefusedException(
                StatusCodes.Status422UnprocessableEntity, new FieldProblem($"format must be jpeg or png, not {kind}", "format"));
        using var latest = sessions.Here.Running(name).Run.Outputs.Latest()
            ?? throw new RefusedException(StatusCodes.Status409Conflict, $"session {name} has sent no frame yet");
        var frame = latest.Frame;
        return TypedResults.Bytes(StillWriter.Encode($".{kind}", frame.Pixels, frame.Width, frame.Height), $"image/{kind}");
    }
}
