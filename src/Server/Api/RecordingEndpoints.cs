using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.AspNetCore.Mvc;
using Microsoft.AspNetCore.Routing;
using Microsoft.AspNetCore.StaticFiles;
using StreamDiff.Client;
using StreamDiff.Server.Problems;
using StreamDiff.Server.Security;
using StreamDiff.Server.Sessions;
using StreamDiff.Server.Storage;

namespace StreamDiff.Server.Api;

/// <summary>Recordings and logs of sessions.</summary>
internal sealed class RecordingEndpoints(ISessions sessions, Recordings recordings, StudioFolder folder)
{
    private const string Route = "/sessions/{name}/recordings";

    public void Map(RouteGroupBuilder api)
    {
        api.MapGet(Route, All).Needs(Role.Viewer).WithName("listRecordings")
            .WithSummary("Recordings of a session, the oldest first, also of one that is gone.");
        api.MapPost(Route, Start).Needs(Role.Operator).WithName("startRecording")
            .WithSummary("Begin to record a session's output.");
        api.MapPost(Route + "/{id}/stop", (string name, string id, Caller _) => recordings.Stop(name, id)).Needs(Role.Operator)
            .WithName("stopRecording").WithSummary("End a recording; answers when its file is complete.");
        api.MapGet(Route + "/{id}", Download).Needs(Role.Viewer, takesKeyInQuery: true).WithName("downloadRecording")
            .WithSummary("A recording's file.").Produces(StatusCodes.Status200OK, contentType: "video/x-matroska");
        api.MapDelete(Route + "/{id}", Delete).Needs(Role.Operator).WithName("deleteRecording").WithSummary("Delete a recording.");
        api.MapGet("/sessions/{name}/log", Log).Needs(Role.Operator).WithName("downloadLog")
            .WithSummary("The log of a session that was begun with \"log\": true, for a replay.")
            .Produces(StatusCodes.Status200OK, contentType: "application/octet-stream");
    }

    private async Task<IReadOnlyList<RecordingInfo>> All(string name, Caller caller)
    {
        _ = caller;
        return await sessions.Recordings(name).ConfigureAwait(false) ?? recordings.All(name);
    }

    private Created<RecordingInfo> Start(string name, [FromBody] NewRecording request, Caller caller)
    {
        _ = caller;
        var info = recordings.Start(name, request.Container);
        return TypedResults.Created($"/api/v1/sessions/{Uri.EscapeDataString(name)}/recordings/{info.Id}", info);
    }

    private PhysicalFileHttpResult Download(string name, string id, Caller caller)
    {
        _ = caller;
        var path = recordings.PathOf(name, id);
        return TypedResults.PhysicalFile(path, TypeOf(path), $"{name}-{id}", enableRangeProcessing: true);
    }

    private NoContent Delete(string name, string id, Caller caller)
    {
        _ = caller;
        recordings.Delete(name, id);
        return TypedResults.NoContent();
    }

    private PhysicalFileHttpResult Log(string name, Caller caller)
    {
        _ = caller;
        var path = folder.Log(name);
        return File.Exists(path)
            ? TypedResults.PhysicalFile(path, "application/octet-stream", $"{name}.log")
            : throw RefusedException.NotFound($"there is no log of a session named {name}: begin it with \"log\": true");
    }

    internal static string TypeOf(string path) => Path.GetExtension(path) == ".mkv" ? "video/x-matroska"
        : new FileExtensionContentTypeProvider().TryGetContentType(path, out var type) ? type : "application/octet-stream";
}
