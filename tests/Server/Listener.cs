using System.Collections.Concurrent;
using StreamDiff.Client;

namespace StreamDiff.Server.Tests;

/// <summary>Keeps the events of a studio.</summary>
internal sealed class Listener : IAsyncDisposable
{
    private readonly CancellationTokenSource _stop = new();
    private readonly Task _work;

    public Listener(StudioClient client) => _work = Task.Run(() => Work(client));

    public ConcurrentQueue<StudioEvent> Events { get; } = new();

    /// <summary>Waits for an event.</summary>
    public async Task<StudioEvent> Next(string kind, string? session = null)
    {
        StudioEvent? found = null;
        await TestStudio.Until(() => Task.FromResult(
            (found = Events.FirstOrDefault(e => e.Kind == kind && (session is null || e.Session == session))) is not null));
        return found!;
    }

    public async ValueTask DisposeAsync()
    {
        await _stop.CancelAsync();
        await _work;
        _stop.Dispose();
    }

    private async Task Work(StudioClient client)
    {
        try
        {
            // From the beginning: what happened before this listener was there, too.
            await foreach (var happened in client.GetEvents(after: 0, ct: _stop.Token))
                Events.Enqueue(happened);
        }
        catch (Exception e) when (e is OperationCanceledException or HttpRequestException or IOException)
        {
            // The test or the studio is over.
        }
    }
}
