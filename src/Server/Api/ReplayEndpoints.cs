using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.AspNetCore.Mvc;
using Microsoft.AspNetCore.Routing;
using StreamDiff.Client;
using StreamDiff.Server.Problems;
using StreamDiff.Server.Security;
using StreamDiff.Server.Sessions;

namespace StreamDiff.Server.Api;

/// <summary>Replays of sessions that kept a log.</summary>
internal sealed class ReplayEndpoints(Replays replays)
{
    public void Map(RouteGroupBuilder api)
    {
        api.MapGet("/replays", (Caller caller) => replays.All.Where(r => caller.IsFor(r.Session)).ToList()).Needs(Role.Viewer)
            .WithName("listReplays").WithSummary("Replays, the oldest first.");
        api.MapPost("/replays", Start).Needs(Role.Operator).WithName("startReplay")
            .WithSummary("Run the log of a session again: the same frames bit for bit, or more steps for the same take.");
        api.MapGet("/replays/{id}", (string id, Caller caller) => Of(id, caller).Info).Needs(Role.Viewer).WithName("getReplay")
            .WithSummary("A replay.");
        api.MapGet("/replays/{id}/file", Download).Needs(Role.Viewer, takesKeyInQuery: true).WithName("downloadReplay")
            .WithSummary("What a replay has written.").Produces(StatusCodes.Status200OK, contentType: "video/x-matroska");
        api.MapDelete("/replays/{id}", Stop).Needs(Role.Operator).WithName("stopReplay").WithSummary("Stop a replay.");
    }

    private Accepted<ReplayInfo> Start([FromBody] NewReplay body, Caller caller)
    {
        var info = replays.Start(body, caller);
        return TypedResults.Accepted($"/api/v1/replays/{info.Id}", info);
    }

    private PhysicalFileHttpResult Download(string id, Caller caller)
    {
        var replay = Of(id, caller);
        return replay.Info.State == "done"
            ? TypedResults.PhysicalFile(
                replay.Output, RecordingEndpoints.TypeOf(replay.Output), Path.GetFileName(replay.Output), enableRangeProcessing: true)
            : throw new RefusedException(StatusCodes.Status409Conflict, $"replay {id} has no file: it {(replay.Info.State == Replay.Running
                ? "still runs" : "has failed")}");
    }

    private NoContent Stop(string id, Caller caller)
    {
        Of(id, caller).Stop();
        return TypedResults.NoContent();
    }

    private Replay Of(string id, Caller caller)
    {
        var replay = replays.Get(id);
        return caller.IsFor(replay.Info.Session)
            ? replay
            : throw new RefusedException(StatusCodes.Status403Forbidden,
                $"the key {caller.Name} is not for the session {replay.Info.Session}");
    }
}
