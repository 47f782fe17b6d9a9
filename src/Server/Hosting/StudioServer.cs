using System.Globalization;
using System.Net;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using System.Threading.RateLimiting;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Connections;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Features;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.AspNetCore.RateLimiting;
using Microsoft.AspNetCore.Routing;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.Extensions.DependencyInjection;
using StreamDiff.Client;
using StreamDiff.Server.Api;
using StreamDiff.Server.Browser;
using StreamDiff.Server.Forwarding;
using StreamDiff.Server.Page;
using StreamDiff.Server.Problems;
using StreamDiff.Server.Security;
using StreamDiff.Server.Sessions;
using StreamDiff.Server.Storage;
using StreamDiff.Server.Telemetry;
using StreamDiff.Server.Webhooks;

namespace StreamDiff.Server.Hosting;

/// <summary>The studio: page and interface over HTTP, in the process whose sessions they show and steer.</summary>
public sealed class StudioServer : IAsyncDisposable
{
    private const string Api = "/api/v1";

    private readonly WebApplication _app;
    private readonly CancellationTokenSource _ending;
    private readonly WebhookDesk _webhooks;
    private readonly Replays _replays;
    private readonly SessionForwarding _forwarding;
    private readonly Playlists _playlists;

    private StudioServer(
        WebApplication app, CancellationTokenSource ending, WebhookDesk webhooks, Replays replays, SessionForwarding forwarding,
        Playlists playlists) =>
        (_app, _ending, _webhooks, _replays, _forwarding, _playlists) = (app, ending, webhooks, replays, forwarding, playlists);

    /// <summary>Where it is reached, with the port that was taken.</summary>
    public Uri Address => new(_app.Services.GetRequiredService<IServer>().Features.GetRequiredFeature<IServerAddressesFeature>().Addresses
        .First());

    /// <summary>True while a replay runs in this process, or is about to.</summary>
    public bool IsReplaying => _replays.IsBusy;

    /// <summary>What makes it impossible, in the words of the command line; null where nothing does.</summary>
    public static string? Obstacle(StudioSettings settings)
    {
        ArgumentNullException.ThrowIfNull(settings);
        if (settings is { NeedsKey: true, Token: null } && new KeyFile(settings.Folder).All.Count == 0)
            return (settings.RequiresKey ? "a key is required" : $"http {settings.Address} can be reached by others, which needs a key")
                + $", and there is none: make one with 'streamdiff key add NAME --role admin"
                + (settings.Folder == StudioFolder.Default ? "'" : $" --data {settings.Folder}'");
        return null;
    }

    /// <summary>Begins to answer.</summary>
    /// <param name="settings">How it is reached.</param>
    /// <param name="sessions">The sessions; need not have begun yet.</param>
    /// <param name="say">Told of faults of the program.</param>
    /// <param name="elsewhere">Logs and recordings that replays may need and other studios have; null where there are none.</param>
    /// <exception cref="IOException">It cannot listen there.</exception>
    /// <exception cref="InvalidDataException">What it keeps is damaged.</exception>
    public static async Task<StudioServer> StartAsync(
        StudioSettings settings, ISessions sessions, Action<string> say, ISessionFiles? elsewhere = null)
    {
        ArgumentNullException.ThrowIfNull(settings);
        ArgumentNullException.ThrowIfNull(sessions);
        var time = TimeProvider.System;
        var folder = new StudioFolder(settings.Folder);
        var keys = new KeyFile(settings.Folder);
        var hooks = new JsonFile<Webhook>(folder.File("webhooks.json"));
        var builder = WebApplication.CreateEmptyBuilder(new WebApplicationOptions { ApplicationName = "streamdiff" });
        Configure(builder, settings);
        var app = builder.Build();
        var ending = new CancellationTokenSource();
        var webhooks = new WebhookDesk(sessions.Events, hooks, settings.WebhookDelay, time);
        var replays = new Replays(folder, elsewhere);
        var forwarding = new SessionForwarding();
        var playlists = new Playlists(sessions.Here, time, settings.PlaylistIdle, settings.Limits.WaitingPlayers);
        try
        {
            var tickets = new Tickets(keys, time);
            var guard = new Guard(settings.NeedsKey, settings.Token, settings.Hosts, keys, tickets, sessions.KeyOf);
            SecurityHeaders.Use(app);
            ProblemAnswers.Use(app, say);
            guard.UseBeforeRouting(app);
            app.UseRouting();
            guard.UseIdentity(app);
            app.UseRateLimiter();
            guard.UseAccess(app);
            var alive = TimeSpan.FromSeconds(20);
            forwarding.Use(app, sessions);
            app.UseWebSockets(new WebSocketOptions { KeepAliveInterval = alive, KeepAliveTimeout = alive });
            PageEndpoints.Map(app);
            RouteGroupBuilder Group(string name) => app.MapGroup(Api).WithTags(name);
            new StatusEndpoints(sessions, time).Map(app, Group("status"));
            new SessionEndpoints(sessions).Map(Group("sessions"));
            new RecordingEndpoints(sessions, new Recordings(sessions.Here, folder, time), folder).Map(Group("recordings and logs"));
            new PlaylistEndpoints(playlists, ending.Token).Map(Group("sessions"));
            new ReplayEndpoints(sessions.Replays ?? replays, forwarding).Map(Group("replays"));
            new ModelEndpoints(sessions).Map(Group("models"));
            new PresetEndpoints(sessions.Here.Presets).Map(Group("presets"));
            new WebhookEndpoints(webhooks).Map(Group("webhooks"));
            new EventEndpoints(sessions.Events, ending.Token).Map(Group("events"));
            new LoginEndpoints(keys, tickets).Map(Group("login"));
            BrowserEndpoints.Map(app, sessions.Here);
            StudioTelemetry.Map(app);
            ApiDocument.Map(app);
            await app.StartAsync().ConfigureAwait(false);
            return new StudioServer(app, ending, webhooks, replays, forwarding, playlists);
        }
        catch (Exception e)
        {
            await webhooks.DisposeAsync().ConfigureAwait(false);
            await app.DisposeAsync().ConfigureAwait(false);
            forwarding.Dispose();
            await playlists.DisposeAsync().ConfigureAwait(false);
            ending.Dispose();
            if (e is IOException or System.Net.Sockets.SocketException)
                throw new IOException($"http {settings.Address} cannot be listened at: {(e.InnerException ?? e).Message.TrimEnd('.')}", e);
            throw;
        }
    }

    /// <summary>Answers nothing any more; the sessions go on.</summary>
    public async ValueTask DisposeAsync()
    {
        await _ending.CancelAsync().ConfigureAwait(false);
        using (var patience = new CancellationTokenSource(TimeSpan.FromSeconds(2)))
            await _app.StopAsync(patience.Token).ConfigureAwait(false);
        await _webhooks.DisposeAsync().ConfigureAwait(false);
        _replays.Dispose();
        await _app.DisposeAsync().ConfigureAwait(false);
        _forwarding.Dispose();
        await _playlists.DisposeAsync().ConfigureAwait(false);
        _ending.Dispose();
    }

    private static void Configure(WebApplicationBuilder builder, StudioSettings settings)
    {
        var services = builder.Services;
        services.AddRouting();
        services.AddHttpForwarder();
        services.ConfigureHttpJsonOptions(options => StudioJson.Apply(options.SerializerOptions));
        services.Configure<RouteHandlerOptions>(options => options.ThrowOnBadRequest = true);
        services.AddRateLimiter(options => Limit(options, settings.Limits));
        ApiDocument.Add(services);
        StudioTelemetry.Add(builder);
        builder.WebHost.UseKestrelCore().UseKestrelHttpsConfiguration();
        builder.WebHost.ConfigureKestrel(kestrel =>
        {
            kestrel.AddServerHeader = false;
            kestrel.Limits.MaxRequestBodySize = settings.Limits.BodyBytes;
            kestrel.Limits.MaxConcurrentConnections = settings.Limits.Connections;
            kestrel.Limits.MaxConcurrentUpgradedConnections = settings.Limits.Connections;
            kestrel.Limits.MaxRequestHeadersTotalSize = 16 * 1024;
            kestrel.Limits.RequestHeadersTimeout = TimeSpan.FromSeconds(15);
            kestrel.Listen(settings.Address, listen =>
            {
                listen.Protocols = HttpProtocols.Http1AndHttp2;
                if (settings.Certificate is { } certificate)
                    listen.UseHttps(Load(certificate, settings.CertificateKey));
            });
        });
    }

    private static X509Certificate2 Load(string certificate, string? key)
    {
        try
        {
            return X509Certificate2.CreateFromPemFile(certificate, key ?? certificate);
        }
        catch (Exception e) when (e is CryptographicException or IOException or UnauthorizedAccessException)
        {
            throw new InvalidDataException(
                $"certificate {certificate}{(key is null ? "" : $" with key {key}")} cannot be used: {e.Message.TrimEnd('.')}", e);
        }
    }

    private static void Limit(RateLimiterOptions options, StudioLimits limits)
    {
        options.GlobalLimiter = PartitionedRateLimiter.Create<HttpContext, string>(context => IsUncounted(context)
            ? RateLimitPartition.GetNoLimiter("uncounted")
            : RateLimitPartition.GetTokenBucketLimiter(CallerOf(context), _ => new TokenBucketRateLimiterOptions
            {
                TokenLimit = limits.Burst,
                TokensPerPeriod = Math.Max(1, limits.RequestsPerSecond / 10),
                ReplenishmentPeriod = TimeSpan.FromMilliseconds(100),
                AutoReplenishment = true,
                QueueLimit = 0,
            }));
        options.AddPolicy(LoginEndpoints.Limit, context => RateLimitPartition.GetFixedWindowLimiter(
            context.Connection.RemoteIpAddress ?? IPAddress.None, _ => new FixedWindowRateLimiterOptions
            {
                PermitLimit = limits.LoginsPerMinute,
                Window = TimeSpan.FromMinutes(1),
                AutoReplenishment = true,
            }));
        options.OnRejected = (rejected, _) =>
        {
            var wait = rejected.Lease.TryGetMetadata(MetadataName.RetryAfter, out var after) ? Math.Max(1, (int)after.TotalSeconds) : 1;
            rejected.HttpContext.Response.Headers.RetryAfter = wait.ToString(CultureInfo.InvariantCulture);
            throw new RefusedException(StatusCodes.Status429TooManyRequests, "too many requests: wait a little and ask less often");
        };
    }

    private static bool IsUncounted(HttpContext context) =>
        Caller.Of(context).Role > Role.None && context.GetEndpoint()?.Metadata.GetMetadata<Uncounted>() is not null;

    private static string CallerOf(HttpContext context) =>
        Caller.Of(context) is { Role: > Role.None } caller && !ReferenceEquals(caller, Caller.Local)
        ? $"key {caller.Name}"
        : $"address {context.Connection.RemoteIpAddress}";
}
