using System.Collections.Concurrent;
using System.Net;
using System.Text;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.Extensions.Logging;

namespace StreamDiff.Server.Tests;

/// <summary>
/// Metrics and traces by OTLP, as the standard variables say, against a receiver of our own that reads the messages by the field numbers of
/// opentelemetry-proto 1.x.
/// </summary>
[Collection(Alone.Name)]
public sealed class OtlpTests
{
    [Theory]
    [InlineData("grpc")]
    [InlineData("http/protobuf")]
    public async Task Studio_WithAnEndpointInTheEnvironment_SendsItsMetricsAndTraces(string protocol)
    {
        await using var collector = await Collector.Start(protocol == "grpc");
        using var environment = new Variables(
            ("OTEL_EXPORTER_OTLP_ENDPOINT", collector.Address), ("OTEL_EXPORTER_OTLP_PROTOCOL", protocol),
            ("OTEL_EXPORTER_OTLP_HEADERS", "authorization=Bearer of-the-collector"), ("OTEL_RESOURCE_ATTRIBUTES", "host.name=studio-7"),
            ("OTEL_METRIC_EXPORT_INTERVAL", "200"), ("OTEL_BSP_SCHEDULE_DELAY", "200"));
        await using var studio = await TestStudio.Start();
        await studio.Client.StartSession(TestStudio.Passthrough("one"));

        string[] metrics = ["streamdiff.host.sessions", "streamdiff.session.frames.given", "http.server.request.duration"];
        await TestStudio.Until(() => Task.FromResult(
            metrics.All(collector.Metrics.Contains)
            && collector.Spans.Any(s => s.StartsWith("StreamDiff.Studio: ", StringComparison.Ordinal))));
        Assert.Contains("service.name=streamdiff", collector.Attributes);
        Assert.Contains("host.name=studio-7", collector.Attributes);
        Assert.Equal(["Bearer of-the-collector"], collector.Authorizations.Distinct());
        // Scraping goes on beside it.
        Assert.Equal(HttpStatusCode.OK, (await studio.Send("GET", "/metrics")).Status);
    }

    /// <summary>Takes what is sent, by HTTP/2 with gRPC's frames, or by HTTP/1.1.</summary>
    private sealed class Collector : IAsyncDisposable
    {
        private readonly WebApplication _app;

        private Collector(WebApplication app) => _app = app;

        public string Address => _app.Urls.First();

        public ConcurrentBag<string> Metrics { get; } = [];

        /// <summary>Scope and name.</summary>
        public ConcurrentBag<string> Spans { get; } = [];

        /// <summary>Of the resources.</summary>
        public ConcurrentBag<string> Attributes { get; } = [];

        public ConcurrentBag<string> Authorizations { get; } = [];

        public static async Task<Collector> Start(bool isGrpc)
        {
            var builder = WebApplication.CreateSlimBuilder();
            builder.Logging.ClearProviders();
            builder.WebHost.ConfigureKestrel(kestrel => kestrel.Listen(
                IPAddress.Loopback, 0, listen => listen.Protocols = isGrpc ? HttpProtocols.Http2 : HttpProtocols.Http1));
            var collector = new Collector(builder.Build());
            collector.Map(isGrpc ? "/opentelemetry.proto.collector.metrics.v1.MetricsService/Export" : "/v1/metrics", isGrpc,
                scope => Each(scope, 2).ToList().ForEach(metric => collector.Metrics.Add(Text(metric, 1))));
            collector.Map(isGrpc ? "/opentelemetry.proto.collector.trace.v1.TraceService/Export" : "/v1/traces", isGrpc,
                scope => Each(scope, 2).ToList().ForEach(
                    span => collector.Spans.Add($"{string.Concat(Each(scope, 1).Select(s => Text(s, 1)))}: {Text(span, 5)}")));
            await collector._app.StartAsync();
            return collector;
        }

        public ValueTask DisposeAsync() => _app.DisposeAsync();

        // Export requests of metrics and of traces are alike down to their scopes.
        private void Map(string path, bool isGrpc, Action<ReadOnlyMemory<byte>> take) => _app.MapPost(path, async (HttpContext context) =>
        {
            using var body = new MemoryStream();
            await context.Request.Body.CopyToAsync(body);
            Authorizations.Add(context.Request.Headers.Authorization.ToString());
            // gRPC: whether it is compressed, and its length.
            ReadOnlyMemory<byte> message = body.ToArray().AsMemory(isGrpc ? 5 : 0);
            foreach (var resource in Each(message, 1))
            {
                foreach (var attribute in Each(resource, 1).SelectMany(r => Each(r, 1)))
                    Attributes.Add($"{Text(attribute, 1)}={string.Concat(Each(attribute, 2).Select(v => Text(v, 1)))}");
                foreach (var scope in Each(resource, 2))
                    take(scope);
            }
            context.Response.ContentType = isGrpc ? "application/grpc" : "application/x-protobuf";
            if (isGrpc)
            {
                context.Response.AppendTrailer("grpc-status", "0");
                await context.Response.Body.WriteAsync(new byte[5]);
            }
        });

        private static string Text(ReadOnlyMemory<byte> message, int field) =>
            Encoding.UTF8.GetString(Each(message, field).FirstOrDefault().Span);

        // Fields of this number that have a length, of a message in protobuf's wire format.
        private static List<ReadOnlyMemory<byte>> Each(ReadOnlyMemory<byte> message, int field)
        {
            var (found, at) = (new List<ReadOnlyMemory<byte>>(), 0);
            while (at < message.Length)
            {
                var tag = Number();
                switch (tag & 7)
                {
                    case 0:
                        Number();
                        break;
                    case 1:
                        at += 8;
                        break;
                    case 5:
                        at += 4;
                        break;
                    default:
                        var length = (int)Number();
                        if (tag >> 3 == (ulong)field)
                            found.Add(message.Slice(at, length));
                        at += length;
                        break;
                }
            }
            return found;

            ulong Number()
            {
                for (var (value, shift) = (0UL, 0); ; shift += 7)
                {
                    var next = message.Span[at++];
                    value |= (ulong)(next & 0x7f) << shift;
                    if (next < 0x80)
                        return value;
                }
            }
        }
    }

    private sealed class Variables : IDisposable
    {
        private readonly List<(string Name, string? Before)> _before = [];

        public Variables(params (string Name, string Value)[] variables)
        {
            foreach (var (name, value) in variables)
            {
                _before.Add((name, Environment.GetEnvironmentVariable(name)));
                Environment.SetEnvironmentVariable(name, value);
            }
        }

        public void Dispose() => _before.ForEach(v => Environment.SetEnvironmentVariable(v.Name, v.Before));
    }
}
