using System.Collections;
using Microsoft.AspNetCore.Builder;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using OpenTelemetry;
using OpenTelemetry.Metrics;
using OpenTelemetry.Resources;
using OpenTelemetry.Trace;
using StreamDiff.Server.Security;
using StreamDiff.Server.Traces;

namespace StreamDiff.Server.Telemetry;

/// <summary>
/// Metrics and traces: scraped at <c>/metrics</c>, and sent by OTLP where the standard environment variables name an endpoint.
/// </summary>
internal static class StudioTelemetry
{
    private const string Prefix = "OTEL_";
    private const string Endpoint = "OTEL_EXPORTER_OTLP_ENDPOINT";

    private static readonly string[] Meters =
    [
        "StreamDiff.Sessions", "StreamDiff.Live", "StreamDiff.Fleet", "Microsoft.AspNetCore.Hosting", "Microsoft.AspNetCore.Server.Kestrel",
    ];

    private static readonly string[] Variables =
        [Endpoint, "OTEL_EXPORTER_OTLP_METRICS_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT"];

    /// <summary>Registers it.</summary>
    public static void Add(WebApplicationBuilder builder)
    {
        // The exporter asks the configuration, which is empty: what else the environment says of servers is not for this one.
        builder.Configuration.AddInMemoryCollection(
            from variable in Environment.GetEnvironmentVariables().Cast<DictionaryEntry>()
            where $"{variable.Key}".StartsWith(Prefix, StringComparison.Ordinal)
            select KeyValuePair.Create($"{variable.Key}", variable.Value as string));
        var isSent = Array.Exists(Variables, v => !string.IsNullOrEmpty(Environment.GetEnvironmentVariable(v)));
        var telemetry = builder.Services.AddOpenTelemetry()
            .ConfigureResource(resource => resource.AddService("streamdiff", serviceVersion: Version))
            .WithMetrics(metrics => metrics.AddMeter(Meters).AddRuntimeInstrumentation().AddPrometheusExporter())
            .WithTracing(traces => traces.AddSource(StudioTraces.Name).AddAspNetCoreInstrumentation());
        if (isSent)
            telemetry.UseOtlpExporter();
    }

    /// <summary>Adds the route.</summary>
    public static void Map(WebApplication app) => app.MapPrometheusScrapingEndpoint("/metrics").Needs(Role.Viewer);

    private static string? Version => typeof(StudioTelemetry).Assembly.GetName().Version?.ToString(3);
}
