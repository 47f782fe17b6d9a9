using System.Net;
using Orleans;
using StreamDiff.Fleet.Clustering;
using StreamDiff.Fleet.Studios;
using StreamDiff.Fleet.Workers;
using StreamDiff.Pipeline.Plan;
using StreamDiff.Pipeline.Runs;
using StreamDiff.Pipeline.Telemetry;
using StreamDiff.Server.Events;
using StreamDiff.Server.Hosting;
using StreamDiff.Server.Sessions;
using StreamDiff.Server.Storage;

namespace StreamDiff.Fleet.Hosting;

/// <summary>What a worker is, besides what it computes with.</summary>
/// <param name="Name">Unique in the fleet.</param>
/// <param name="Listen">Where fronts reach it; port 0 takes a free one.</param>
/// <param name="Folder">Where recordings and logs of its streams are kept.</param>
/// <param name="MostStreams">Streams that it takes whatever they need.</param>
public sealed record WorkerRole(string Name, IPEndPoint Listen, string Folder, int MostStreams)
{
    /// <summary>Streams that a worker takes where nobody says otherwise: four a processor.</summary>
    public static int UsualStreams { get; } = 4 * Environment.ProcessorCount;
}

/// <summary>A worker: sessions as in a studio, of which a fleet says which there are.</summary>
public sealed class WorkerServer : IAsyncDisposable
{
    private readonly StudioServer _studio;
    private readonly SessionServer _server;
    private readonly WorkerStudios _studios;
    private readonly FleetHost? _host;

    private WorkerServer(StudioServer studio, SessionServer server, WorkerAgent agent, WorkerStudios studios, FleetHost? host) =>
        (_studio, _server, Agent, _studios, _host) = (studio, server, agent, studios, host);

    /// <summary>What keeps its sessions as the fleet wants them.</summary>
    public WorkerAgent Agent { get; }

    /// <summary>Where fronts reach it.</summary>
    public Uri Address => _studio.Address;

    /// <summary>Runs the sessions.</summary>
    public SessionServer Server => _server;

    /// <summary>Loads the model and joins the fleet.</summary>
    /// <param name="options">What all its sessions have.</param>
    /// <param name="room">What there is room for.</param>
    /// <param name="role">What it is to the fleet.</param>
    /// <param name="settings">How the fleet is reached.</param>
    /// <param name="front">The front in the same process; null calls one elsewhere.</param>
    /// <param name="log">Told changes of state of sessions.</param>
    /// <param name="say">Told what the user should know; true for trouble.</param>
    /// <exception cref="IOException">It cannot listen there.</exception>
    /// <exception cref="Models.ModelException">The model cannot be used.</exception>
    public static async Task<WorkerServer> Start(
        RestyleOptions options, HostOptions room, WorkerRole role, FleetSettings settings, IGrainFactory? front, Action<LiveEvent> log,
        Action<string, bool> say)
    {
        ArgumentNullException.ThrowIfNull(role);
        ArgumentNullException.ThrowIfNull(settings);
        var events = new EventFeed(TimeProvider.System);
        var sessions = new StudioSessions(options, [], events, new StudioFolder(role.Folder), TimeProvider.System);
        var host = front is null
            ? await FleetHost.StartWorker(settings, (level, text) => say(text, level > Microsoft.Extensions.Logging.LogLevel.Warning))
                .ConfigureAwait(false)
            : null;
        var grains = front ?? host!.Grains;
        var studios = new WorkerStudios(grains, settings.Key, role.Name);
        StudioServer? studio = null;
        SessionServer? server = null;
        try
        {
            studio = await StudioServer.StartAsync(
                new StudioSettings
                {
                    Address = role.Listen,
                    Folder = role.Folder,
                    RequiresKey = true,
                    Token = settings.Key,
                    // All of a fleet's requests are one caller's.
                    Limits = new StudioLimits { RequestsPerSecond = 10_000, Burst = 10_000 },
                },
                sessions, text => say(text, true), studios).ConfigureAwait(false);
            server = new SessionServer(options, room, news =>
            {
                log(news);
                events.Tell(news);
            });
            var agent = new WorkerAgent(
                grains, sessions, server,
                new WorkerSettings(role.Name, AddressOf(studio, role), settings.Key, role.MostStreams, settings.Times),
                () => studio.IsReplaying, say);
            sessions.Begin(server);
            agent.Begin();
            return new WorkerServer(studio, server, agent, studios, host);
        }
        catch
        {
            server?.Dispose();
            if (studio is not null)
                await studio.DisposeAsync().ConfigureAwait(false);
            studios.Dispose();
            if (host is not null)
                await host.DisposeAsync().ConfigureAwait(false);
            throw;
        }
    }

    public async ValueTask DisposeAsync()
    {
        await Agent.DisposeAsync().ConfigureAwait(false);
        if (_host is not null)
            await _host.DisposeAsync().ConfigureAwait(false);
        _server.Dispose();
        // Last: as long as somebody listens here, the fleet believes that the process is there.
        await _studio.DisposeAsync().ConfigureAwait(false);
        _studios.Dispose();
    }

    private static Uri AddressOf(StudioServer studio, WorkerRole role) =>
        new UriBuilder("http", role.Listen.Address.ToString(), studio.Address.Port).Uri;
}
