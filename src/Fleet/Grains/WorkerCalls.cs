using StreamDiff.Client;
using StreamDiff.Fleet.Contracts;

namespace StreamDiff.Fleet.Grains;

/// <summary>Calls the studios of workers.</summary>
/// <param name="key">What opens them.</param>
internal sealed class WorkerCalls(string key) : IDisposable
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(5);
    private readonly SocketsHttpHandler _handler = new() { UseProxy = false, ConnectTimeout = TimeSpan.FromSeconds(1) };

    /// <summary>Makes a change; neither an answer nor a refusal where the worker does not say anything.</summary>
    public async Task<(ControlReply? Reply, Refusal? Refusal)> Control(
        Uri? worker, string name, ControlRequest change, bool wait, CancellationToken stop)
    {
        if (worker is null)
            return (null, null);
        using var patience = CancellationTokenSource.CreateLinkedTokenSource(stop);
        patience.CancelAfter(Patience);
        // The handler is everybody's: the client is not disposed.
        var client = new StudioClient(worker, key, new Shared(_handler));
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
        finally
        {
            client.Dispose();
        }
    }

    public void Dispose() => _handler.Dispose();

    private sealed class Shared(HttpMessageHandler inner) : DelegatingHandler(inner)
    {
        protected override void Dispose(bool disposing)
        {
            // The handler within is not this client's.
        }
    }
}
