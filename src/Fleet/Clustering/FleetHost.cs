using System.Net;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.DependencyInjection.Extensions;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Orleans;
using Orleans.Configuration;
using Orleans.Dashboard;
using Orleans.Hosting;
using Orleans.Runtime;
using Orleans.Serialization;
using Orleans.Storage;
using StackExchange.Redis;
using StreamDiff.Fleet.Grains;
using StreamDiff.Fleet.Storage;

namespace StreamDiff.Fleet.Clustering;

/// <summary>
/// This process's part of a fleet's control plane: of a front it keeps grains, of a worker it only calls them. Workers keep none, so that
/// one that is killed takes nothing with it that has to be found again by votes.
/// </summary>
public sealed class FleetHost : IAsyncDisposable
{
    private const string Postgres = "Npgsql";
    private static readonly TimeSpan AnswerWithin = TimeSpan.FromSeconds(5);

    private readonly IHost _host;

    private FleetHost(IHost host) => _host = host;

    /// <summary>The fleet.</summary>
    public IGrainFactory Grains => _host.Services.GetRequiredService<IGrainFactory>();

    /// <summary>Begins a front's part.</summary>
    /// <param name="settings">How fronts and workers reach each other.</param>
    /// <param name="log">Told warnings of the control plane.</param>
    /// <exception cref="IOException">A port cannot be listened at, or the store does not answer.</exception>
    public static async Task<FleetHost> StartFront(FleetSettings settings, Action<LogLevel, string> log)
    {
        ArgumentNullException.ThrowIfNull(settings);
        if (settings.Kind == ClusterKind.Postgres)
            try
            {
                await PostgresSchema.Prepare(settings.Connection).ConfigureAwait(false);
            }
            catch (Exception e) when (e is Npgsql.NpgsqlException or ArgumentException or System.Net.Sockets.SocketException)
            {
                throw new IOException($"the fleet cannot begin: PostgreSQL: {e.Message.Split('\n')[0].TrimEnd('.')}", e);
            }
        return await Start(settings, log, builder => builder.UseOrleans(silo =>
        {
            Configure(silo.Services);
            _ = silo.Configure<ClusterOptions>(o => (o.ClusterId, o.ServiceId) = (settings.Name, settings.Name));
            if (settings.IsInKubernetes)
                _ = silo.UseKubernetesHosting();
            else
                _ = silo.ConfigureEndpoints(
                    settings.Address, settings.SiloPort, settings.GatewayPort, listenOnAnyHostAddress: false);
            Find(silo, settings);
            // A front that is gone is noticed by its peers; streams are not waiting for that, whatever is asked of them is.
            _ = silo.Configure<ClusterMembershipOptions>(o =>
            {
                (o.ProbeTimeout, o.NumMissedProbesLimit, o.NumVotesForDeathDeclaration) = (TimeSpan.FromSeconds(1), 2, 1);
                (o.TableRefreshTimeout, o.IAmAliveTablePublishTimeout) = (TimeSpan.FromSeconds(5), TimeSpan.FromSeconds(10));
            });
            _ = silo.Configure<SiloMessagingOptions>(o => o.ResponseTimeout = AnswerWithin);
            if (settings.Tls is { } tls)
                _ = silo.UseTls(o => MutualTls.Apply(o, tls));
            if (settings.Dashboard is not null)
                _ = silo.AddDashboard();
        })).ConfigureAwait(false);
    }

    /// <summary>Begins a worker's part; returns at once, whether or not a front is there already.</summary>
    /// <param name="settings">How fronts and workers reach each other.</param>
    /// <param name="log">Told warnings of the control plane.</param>
    public static async Task<FleetHost> StartWorker(FleetSettings settings, Action<LogLevel, string> log)
    {
        ArgumentNullException.ThrowIfNull(settings);
        return await Start(settings, log, builder => builder.UseOrleansClient(client =>
        {
            Configure(client.Services);
            _ = client.Configure<ClusterOptions>(o => (o.ClusterId, o.ServiceId) = (settings.Name, settings.Name));
            _ = client.Configure<ClientMessagingOptions>(o => o.ResponseTimeout = AnswerWithin);
            _ = client.Configure<GatewayOptions>(o => o.GatewayListRefreshPeriod = TimeSpan.FromSeconds(1));
            _ = client.UseConnectionRetryFilter(async (_, ct) =>
            {
                await Task.Delay(TimeSpan.FromSeconds(0.5), ct).ConfigureAwait(false);
                return true;
            });
            switch (settings.Kind)
            {
                case ClusterKind.Redis:
                    _ = client.UseRedisClustering(o => o.ConfigurationOptions = ConfigurationOptions.Parse(settings.Connection));
                    break;
                case ClusterKind.Postgres:
                    _ = client.UseAdoNetClustering(o => (o.Invariant, o.ConnectionString) = (Postgres, settings.Connection));
                    break;
                default:
                    _ = client.UseStaticClustering([.. settings.Gateways]);
                    break;
            }
            if (settings.Tls is { } tls)
                _ = client.UseTls(o => MutualTls.Apply(o, tls));
        })).ConfigureAwait(false);
    }

    public async ValueTask DisposeAsync()
    {
        using (var patience = new CancellationTokenSource(TimeSpan.FromSeconds(5)))
            try
            {
                await _host.StopAsync(patience.Token).ConfigureAwait(false);
            }
            catch (OperationCanceledException)
            {
                // Whoever does not answer is not waited for.
            }
        _host.Dispose();
    }

    private static async Task<FleetHost> Start(
        FleetSettings settings, Action<LogLevel, string> log, Action<IHostApplicationBuilder> add)
    {
        var web = settings.Dashboard is null
            ? null
            : WebApplication.CreateEmptyBuilder(new WebApplicationOptions { ApplicationName = "streamdiff" });
        var plain = web is null
            ? Host.CreateEmptyApplicationBuilder(new HostApplicationBuilderSettings { ApplicationName = "streamdiff" })
            : null;
        IHostApplicationBuilder builder = web is not null ? web : plain!;
        _ = builder.Logging.AddProvider(new LinesLogger(log)).SetMinimumLevel(LogLevel.Warning);
        // Signals are the command's.
        builder.Services.RemoveAll<IHostLifetime>();
        _ = builder.Services.AddSingleton<IHostLifetime, NoLifetime>();
        _ = builder.Services.AddSingleton(settings.Times).AddSingleton(settings.Rules).AddSingleton(_ => new WorkerCalls(settings.Key))
            .AddSingleton(TimeProvider.System);
        add(builder);
        var host = web is null ? plain!.Build() : WithDashboard(web, settings.Dashboard!);
        try
        {
            await host.StartAsync().ConfigureAwait(false);
            return new FleetHost(host);
        }
        catch (Exception e) when (e is not OutOfMemoryException)
        {
            host.Dispose();
            var inner = e;
            while (inner is AggregateException or OrleansLifecycleCanceledException && inner.InnerException is { } deeper)
                inner = deeper;
            throw new IOException($"the fleet cannot begin: {inner.Message.Split('\n')[0].TrimEnd('.')}", e);
        }
    }

    private static WebApplication WithDashboard(WebApplicationBuilder builder, IPEndPoint address)
    {
        _ = builder.WebHost.UseKestrelCore().ConfigureKestrel(kestrel => kestrel.Listen(address));
        _ = builder.Services.AddRouting();
        var app = builder.Build();
        _ = app.MapOrleansDashboard();
        return app;
    }

    private static void Find(ISiloBuilder silo, FleetSettings settings)
    {
        switch (settings.Kind)
        {
            case ClusterKind.Redis:
                _ = silo.UseRedisClustering(o => o.ConfigurationOptions = ConfigurationOptions.Parse(settings.Connection));
                _ = silo.AddRedisGrainStorage(
                    StreamGrain.Storage, o => o.ConfigurationOptions = ConfigurationOptions.Parse(settings.Connection));
                break;
            case ClusterKind.Postgres:
                _ = silo.UseAdoNetClustering(o => (o.Invariant, o.ConnectionString) = (Postgres, settings.Connection));
                _ = silo.AddAdoNetGrainStorage(
                    StreamGrain.Storage, o => (o.Invariant, o.ConnectionString) = (Postgres, settings.Connection));
                break;
            default:
                _ = silo.UseDevelopmentClustering(new IPEndPoint(settings.Address, settings.SiloPort));
                _ = silo.Services.AddKeyedSingleton<IGrainStorage>(StreamGrain.Storage, new FileStorage(settings.Folder));
                break;
        }
    }

    // Records go as JSON: their own namespaces' types, and no others.
    private static void Configure(IServiceCollection services) =>
        _ = services.AddSerializer(serializer => serializer.AddJsonSerializer(
            type => type.Namespace?.StartsWith("StreamDiff.", StringComparison.Ordinal) == true
                && !typeof(IAddressable).IsAssignableFrom(type)));

    private sealed class NoLifetime : IHostLifetime
    {
        public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;

        public Task WaitForStartAsync(CancellationToken cancellationToken) => Task.CompletedTask;
    }
}
