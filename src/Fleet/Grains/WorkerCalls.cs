using System.Collections.Concurrent;
using StreamDiff.Client;
using StreamDiff.Fleet.Contracts;

namespace StreamDiff.Fleet.Grains;

/// <summary>Calls the studios of workers.</summary>
/// <param name="key">What opens them.</param>
internal sealed class WorkerCalls(string key) : IDisposable
{
    // Shorter than what whoever asks a grain waits: a change that is kept must not be answered by a failure.
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(3);
    private readonly ConcurrentDictionary<Uri, StudioClient> _clients = new();

    /// <summary>Makes a change; neither an answer nor a refusal where the worker does not say anything.</summary>
    public async Task<(ControlReply? Reply, Refusal? Refusal)> Control(
        Uri? worker, string name, ControlRequest change, bool wait, CancellationToken stop)
    {
        if (worker is null)
            return (null, null);
        using var patience = CancellationTokenSource.CreateLinkedTokenSource(stop);
        patience.CancelAfter(Patience);
        var client = _clients.GetOrAdd(worker, address => new StudioClient(
            address, key, new SocketsHttpHandler { UseProxy = false, ConnectTimeout = TimeSpan.FromSeconds(1) }));
        try
        {
            return (await client.Control(name, change, wait, null, patience.Token), null);
        }
        catch (StudioException e)
        {
            return (null, new Refusal((int)e.Status, e.Message, e.Problem?.Problems));
        }
        catch (Exception e) when (e is HttpRequestException or OperationCanceledException)
        {
            return (null, null);
        }
    }

    public void Dispose()
    {
        foreach (var client in _clients.Values)
            client.Dispose();
    }
}
