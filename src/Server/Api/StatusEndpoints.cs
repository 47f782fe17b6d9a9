using System.Diagnostics;
using System.Reflection;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;
using StreamDiff.Client;
using StreamDiff.Pipeline.Host;
using StreamDiff.Server.Problems;
using StreamDiff.Server.Security;
using StreamDiff.Server.Sessions;

namespace StreamDiff.Server.Api;

/// <summary>How the studio is doing; health and readiness for who watches processes.</summary>
internal sealed class StatusEndpoints(StudioSessions sessions, TimeProvider time)
{
    // A host that does not answer so long is stuck.
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(5);

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
        var host = sessions.IsReady ? await Ask().ConfigureAwait(false) : null;
        var loaded = sessions.IsReady ? sessions.Server.Loaded : null;
        using var process = Process.GetCurrentProcess();
        return new StudioStatus
        {
            Version = Assembly.GetExecutingAssembly().GetName().Version?.ToString(3) ?? "",
            UptimeSeconds = Math.Round(time.GetElapsedTime(_begun).TotalSeconds, 1),
            IsReady = host is not null,
            Model = sessions.ModelName,
            Device = loaded?.Device,
            Type = loaded?.Type,
            Host = host is null ? new HostInfo(0, 0, 0, 0, 0, 0, 0) : new HostInfo(
                sessions.Server.Sessions.Count, Math.Round(host.Load, 3), host.LanesLeased, host.LanesAll, host.Ticks,
                Math.Round(host.Busy.TotalSeconds, 3), host.CacheBytes),
            ResidentBytes = Environment.WorkingSet,
            Processors = Environment.ProcessorCount,
            ProcessorSeconds = Math.Round(process.TotalProcessorTime.TotalSeconds, 2),
        };
    }

    private async Task<IResult> Ready()
    {
        if (!sessions.IsReady)
            throw new RefusedException(StatusCodes.Status503ServiceUnavailable, "the model is still being loaded");
        return await Ask().ConfigureAwait(false) is not null
            ? TypedResults.Text("ready")
            : throw new RefusedException(StatusCodes.Status503ServiceUnavailable, "the device does not answer");
    }

    // The answer comes from the device's thread, between two ticks.
    private async Task<HostStatistics?> Ask()
    {
        var asked = Task.Run(() => sessions.Server.Statistics);
        return await Task.WhenAny(asked, Task.Delay(Patience)).ConfigureAwait(false) == asked ? await asked.ConfigureAwait(false) : null;
    }
}
