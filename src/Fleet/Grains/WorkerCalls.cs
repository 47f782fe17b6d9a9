using System.Collections.Concurrent;
using StreamDiff.Client;
using StreamDiff.Fleet.Contracts;

namespace StreamDiff.Fleet.Grains;

/// <summary>Calls the studios of workers.</summary>
/// <param name="key">What opens them.</param>
internal sealed class WorkerCalls(string key) : IDisposable
{
    private static readonly TimeSpan EffectWithin = TimeSpan.FromSeconds(2.5);
    private readonly ConcurrentDictionary<Uri, StudioClient> _clients = new();

    /// <summary>Makes a change; neither an answer nor a refusal where the worker does not say anything.</summary>
    /// <param name="worker">The worker's studio; null where that is not known.</param>
    /// <param name="name">The session.</param>
    /// <param name="change">What is to change.</param>
    /// <param name="wait">True waits until it has taken effect, or for a while.</param>
    /// <param name="version">Refused with 412 where the session has another version by now; null for whatever it has.</param>
    /// <param name="stop">Ends the wait.</param>
    public Task<(ControlReply? Reply, Refusal? Refusal)> Control(
        Uri? worker, string name, ControlRequest change, bool wait, long? version, CancellationToken stop) =>
        Ask(worker, wait ? EffectWithin : Timeout.InfiniteTimeSpan, (client, ct) => client.Control(name, change, wait, version, ct), stop);

    /// <summary>A session as its worker has it; neither an answer nor a refusal where the worker does not say anything.</summary>
    /// <param name="worker">The worker's studio; null where that is not known.</param>
    /// <param name="name">The session.</param>
    /// <param name="stop">Ends the wait.</param>
    public Task<(SessionInfo? Session, Refusal? Refusal)> Session(Uri? worker, string name, CancellationToken stop) =>
        Ask(worker, Timeout.InfiniteTimeSpan, (client, ct) => client.GetSession(name, ct), stop);

    public void Dispose()
    {
        foreach (var client in _clients.Values)
            client.Dispose();
    }

    private async Task<(T? Answer, Refusal? Refusal)> Ask<T>(
        Uri? worker, TimeSpan within, Func<StudioClient, CancellationToken, Task<T>> question, CancellationToken stop)
        where T : class
    {
        if (worker is null)
            return (null, null);
        using var patience = CancellationTokenSource.CreateLinkedTokenSource(stop);
        patience.CancelAfter(within);
        var client = _clients.GetOrAdd(worker, address => new StudioClient(
            address, key, new SocketsHttpHandler { UseProxy = false, ConnectTimeout = TimeSpan.FromSeconds(1) }));
        try
        {
            return (await question(client, patience.Token), null);
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
}
