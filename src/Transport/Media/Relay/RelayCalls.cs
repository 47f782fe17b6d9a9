using System.Net.Sockets;

namespace StreamDiff.Transport.Media.Relay;

/// <summary>
/// Calls all hosts of an address at once, again and again: one that is gone, and may take its time to show it, keeps nobody waiting for the
/// others. Not thread-safe.
/// </summary>
/// <param name="address">The address.</param>
/// <param name="greeting">The first word, which says what is wanted.</param>
internal sealed class RelayCalls(RelayAddress address, string greeting) : IDisposable
{
    private readonly CancellationTokenSource _over = new();
    private readonly Dictionary<(string Host, int Port), Task<(Socket Socket, string Answer)?>> _calls = [];

    /// <summary>Waits until one of them has answered, or a while; connections are the caller's then.</summary>
    /// <param name="isWanted">Hosts that are called.</param>
    /// <param name="within">How long it waits.</param>
    /// <param name="ct">Breaks it off.</param>
    /// <exception cref="OperationCanceledException"><paramref name="ct"/> was cancelled.</exception>
    public async Task<IReadOnlyList<((string Host, int Port) Host, Socket Socket, string Answer)>> Next(
        Func<(string Host, int Port), bool> isWanted, TimeSpan within, CancellationToken ct)
    {
        foreach (var host in address.Hosts.Where(h => !_calls.ContainsKey(h) && isWanted(h)).ToList())
        {
            _calls[host] = address.Call(host, greeting, _over.Token);
        }

        using (var hurry = CancellationTokenSource.CreateLinkedTokenSource(ct))
        {
            _ = await Task.WhenAny([.. _calls.Values, Task.Delay(within, hurry.Token)]).ConfigureAwait(false);
            await hurry.CancelAsync().ConfigureAwait(false);
        }

        ct.ThrowIfCancellationRequested();
        var answered = new List<((string Host, int Port) Host, Socket Socket, string Answer)>();
        foreach (var (host, call) in _calls.Where(c => c.Value.IsCompleted).ToList())
        {
            _ = _calls.Remove(host);
            if (await call.ConfigureAwait(false) is var (socket, answer))
            {
                answered.Add((host, socket, answer));
            }
        }

        return answered;
    }

    public void Dispose()
    {
        _over.Cancel();
        foreach (var call in _calls.Values)
        {
            // Who answers all the same is not needed any more.
            _ = call.ContinueWith(
                done => done.Result?.Socket.Dispose(), CancellationToken.None, TaskContinuationOptions.OnlyOnRanToCompletion,
                TaskScheduler.Default);
        }
    }
}
