using System.Net;
using Orleans;
using StreamDiff.Fleet.Clustering;
using StreamDiff.Fleet.Fronts;
using StreamDiff.Pipeline.Plan;
using StreamDiff.Server.Events;
using StreamDiff.Server.Hosting;
using StreamDiff.Server.Sessions;
using StreamDiff.Server.Storage;
using StreamDiff.Transport.Media.Relay;

namespace StreamDiff.Fleet.Hosting;

/// <summary>A front: the studio's page and interface over all workers, and where publishers come.</summary>
public sealed class FleetServer : IAsyncDisposable
{
    private readonly FleetHost _host;
    private readonly RelayPort _relay;
    private readonly FleetFront _front;
    private readonly StudioServer _studio;

    private FleetServer(FleetHost host, RelayPort relay, FleetFront front, StudioServer studio) =>
        (_host, _relay, _front, _studio) = (host, relay, front, studio);

    /// <summary>Where page and interface are reached.</summary>
    public Uri Address => _studio.Address;

    /// <summary>The fleet.</summary>
    public IGrainFactory Grains => _host.Grains;

    /// <summary>True where there are workers beside one.</summary>
    /// <param name="worker">Its name.</param>
    public bool HasOther(string worker) => _front.Workers.Any(name => name != worker);

    /// <summary>Begins.</summary>
    /// <param name="options">What a session has where its description says nothing else.</param>
    /// <param name="settings">How the fleet is reached.</param>
    /// <param name="studio">How page and interface are reached.</param>
    /// <param name="relayPort">Port where workers have publishers' packets from; 0 takes a free one.</param>
    /// <param name="events">Told what happens.</param>
    /// <param name="say">Told what the user should know; true for trouble.</param>
    /// <exception cref="IOException">A port cannot be listened at, or the store does not answer.</exception>
    public static async Task<FleetServer> Start(
        RestyleOptions options, FleetSettings settings, StudioSettings studio, int relayPort, EventFeed events, Action<string, bool> say)
    {
        ArgumentNullException.ThrowIfNull(settings);
        ArgumentNullException.ThrowIfNull(studio);
        var host = await FleetHost.StartFront(settings, (level, text) => say(text, level > Microsoft.Extensions.Logging.LogLevel.Warning))
            .ConfigureAwait(false);
        RelayPort? relay = null;
        FleetFront? front = null;
        try
        {
            var here = new StudioSessions(options, [], events, new StudioFolder(studio.Folder), TimeProvider.System);
            relay = new RelayPort(new IPEndPoint(settings.Address, relayPort), settings.Key);
            front = new FleetFront(host.Grains, here, relay, relay.EndPoint.ToString(), settings.Key, settings.Times, say);
            front.Begin();
            var server = await StudioServer.StartAsync(studio, front.Sessions, text => say(text, true)).ConfigureAwait(false);
            return new FleetServer(host, relay, front, server);
        }
        catch
        {
            if (front is not null)
                await front.DisposeAsync().ConfigureAwait(false);
            relay?.Dispose();
            await host.DisposeAsync().ConfigureAwait(false);
            throw;
        }
    }

    public async ValueTask DisposeAsync()
    {
        await _studio.DisposeAsync().ConfigureAwait(false);
        await _front.DisposeAsync().ConfigureAwait(false);
        _relay.Dispose();
        await _host.DisposeAsync().ConfigureAwait(false);
    }
}
