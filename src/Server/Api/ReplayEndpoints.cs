using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.AspNetCore.Mvc;
using Microsoft.AspNetCore.Routing;
using StreamDiff.Client;
using StreamDiff.Server.Forwarding;
using StreamDiff.Server.Problems;
using StreamDiff.Server.Security;
using StreamDiff.Server.Sessions;

namespace StreamDiff.Server.Api;

/// <summary>Replays of sessions that kept a log.</summary>
internal sealed class ReplayEndpoints(IReplays replays, SessionForwarding forwarding)
{
    public void Map(RouteGroupBuilder api)
    {
        api.MapGet("/replays", (Caller caller) => replays.All(caller)).Needs(Role.Viewer)
            .WithName("listReplays").WithSummary("Replays, the oldest first.");
        api.MapPost("/replays", Start).Needs(Role.Operator).WithName("startReplay")
            .WithSummary("Run the log of a session again: the same frames bit for bit, or more steps for the same take.");
        api.MapGet("/replays/{id}", (string id, Caller caller) => replays.Get(id, caller)).Needs(Role.Viewer).WithName("getReplay")
            .WithSummary("A replay.");
        api.MapGet("/replays/{id}/file", Download).Needs(Role.Viewer, takesKeyInQuery: true).WithName("downloadReplay")
            .WithSummary("What a replay has written.").Produces(StatusCodes.Status200OK, contentType: "video/x-matroska");
        api.MapDelete("/replays/{id}", Stop).Needs(Role.Operator).WithName("stopReplay").WithSummary("Stop a replay.");
    }

    private async Task<Accepted<ReplayInfo>> Start([FromBody] NewReplay body, Caller caller, CancellationToken ct)
    {
        var info = await replays.Start(body, caller, ct).ConfigureAwait(false);
        return TypedResults.Accepted($"/api/v1/replays/{Uri.EscapeDataString(info.Id)}", info);
    }

    private async Task<IResult> Download(string id, Caller caller, HttpContext context)
    {
        var info = await replays.Get(id, caller).ConfigureAwait(false);
        if (info.State != "done")
            throw new RefusedException(
                StatusCodes.Status409Conflict,
                $"replay {id} has no file: it {(info.State == Replay.Running ? "still runs" : "has failed")}");
        var (path, place) = await replays.FileOf(id).ConfigureAwait(false);
        if (place is null)
            return TypedResults.PhysicalFile(path, RecordingEndpoints.TypeOf(path), Path.GetFileName(path), enableRangeProcessing: true);
        await forwarding.Forward(context, place, path).ConfigureAwait(false);
        return Results.Empty;
    }

    private async Task<NoContent> Stop(string id, Caller caller)
    {
        await replays.Stop(id, caller).ConfigureAwait(false);
        return TypedResults.NoContent();
    }
}
