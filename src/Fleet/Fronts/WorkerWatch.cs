using System.Net.Sockets;
using Orleans;
using StreamDiff.Fleet.Contracts;

namespace StreamDiff.Fleet.Fronts;

/// <summary>
/// Holds a connection to each worker. One that breaks makes it look again: where nobody listens any more where the worker did, its process
/// has ended, and its streams need not wait until its right to write would have run out. No answer at all says nothing: then only time
/// does.
/// </summary>
internal sealed class WorkerWatch(IGrainFactory grains) : IDisposable
{
    private static readonly TimeSpan Connecting = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan Again = TimeSpan.FromMilliseconds(200);

    private readonly CancellationTokenSource _stop = new();
    private readonly Lock _gate = new();
    private readonly HashSet<string> _watched = [];

    /// <summary>Watches all of these.</summary>
    public void Be(IReadOnlyList<WorkerView> workers)
    {
        foreach (var worker in workers)
            lock (_gate)
                if (_watched.Add(worker.Summary.Incarnation))
                    _ = Task.Run(() => Watch(worker.Summary));
    }

    public void Dispose() => _stop.Cancel();

    private async Task Watch(WorkerSummary worker)
    {
        try
        {
            while (!_stop.IsCancellationRequested)
                switch (await Look(worker.Address).ConfigureAwait(false))
                {
                    case Sight.Refused:
                        await grains.GetGrain<IWorkerGrain>(worker.Name).Vanished(worker.Incarnation).ConfigureAwait(false);
                        return;
                    case Sight.Nothing:
                        await Task.Delay(Again, _stop.Token).ConfigureAwait(false);
                        break;
                }
        }
        catch (Exception)
        {
            // Seen again with the next list, as long as it is there.
        }
        finally
        {
            lock (_gate)
                _ = _watched.Remove(worker.Incarnation);
        }
    }

    // Returns when the connection is over.
    private async Task<Sight> Look(Uri address)
    {
        using var socket = new Socket(SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
        try
        {
            using var hurry = CancellationTokenSource.CreateLinkedTokenSource(_stop.Token);
            hurry.CancelAfter(Connecting);
            await socket.ConnectAsync(address.Host, address.Port, hurry.Token).ConfigureAwait(false);
        }
        catch (SocketException e) when (e.SocketErrorCode == SocketError.ConnectionRefused)
        {
            return Sight.Refused;
        }
        catch (Exception e) when (e is SocketException or OperationCanceledException)
        {
            return Sight.Nothing;
        }
        try
        {
            // Nothing is said on either side; the studio closes what says nothing after a while, and it is opened again.
            _ = await socket.ReceiveAsync(new byte[1], _stop.Token).ConfigureAwait(false);
        }
        catch (SocketException)
        {
            // Broken: look again.
        }
        return Sight.Over;
    }

    private enum Sight
    {
        Refused,
        Nothing,
        Over,
    }
}
