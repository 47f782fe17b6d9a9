using System.Diagnostics;
using System.Reflection;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;
using StreamDiff.Client;
using StreamDiff.Server.Problems;
using StreamDiff.Server.Security;
using StreamDiff.Server.Sessions;

namespace StreamDiff.Server.Api;

/// <summary>How the studio is doing; health and readiness for who watches processes.</summary>
internal sealed class StatusEndpoints(ISessions sessions, TimeProvider time)
{
    private readonly long _begun = time.GetTimestamp();

    public void Map(WebApplication app, RouteGroupBuilder api)
    {
        api.MapGet("/status", Status).Needs(Role.Viewer).WithName("getStatus").WithSummary("How process, device and host are doing.");
        app.MapGet("/healthz", () => TypedResults.Text("ok")).IsOpen().WithName("health").WithTags("health")
            .WithSummary("Answers as long as the process does.");
        app.MapGet("/readyz", Ready).IsOpen().WithName("ready").WithTags("health")
            .WithSummary("Whether the model is loaded and its device answers.")
            .Produces(StatusCodes.Status200OK, contentType: "text/plain");
    }

    private async Task<StudioStatus> Status(Caller caller)
    {
        _ = caller;
        var report = sessions.IsReady ? await sessions.Host().ConfigureAwait(false) : null;
        using var process = Process.GetCurrentProcess();
        return new StudioStatus
        {
            Version = Assembly.GetExecutingAssembly().GetName().Version?.ToString(3) ?? "",
            UptimeSeconds = Math.Round(time.GetElapsedTime(_begun).TotalSeconds, 1),
            IsReady = report is not null,
            Model = sessions.ModelName,
            Device = report?.Device,
            Type = report?.Type,
            Host = report?.Host ?? new HostInfo(0, 0, 0, 0, 0, 0, 0),
            ResidentBytes = Environment.WorkingSet,
            Processors = Environment.ProcessorCount,
            ProcessorSeconds = Math.Round(process.TotalProcessorTime.TotalSeconds, 2),
        };
    }

    private async Task<IResult> Ready()
    {
        if (!sessions.IsReady)
            throw new RefusedException(StatusCodes.Status503ServiceUnavailable, "the model is still being loaded");
        return await sessions.Host().ConfigureAwait(false) is not null
            ? TypedResults.Text("ready")
            : throw new RefusedException(StatusCodes.Status503ServiceUnavailable, "the device does not answer");
    }
}
