using System.Net.Sockets;
using StreamDiff.Transport.Media.FFmpeg;
using StreamDiff.Transport.Media.Live;

namespace StreamDiff.Transport.Media.Relay;

/// <summary>
/// Sends a transport stream to every <see cref="RelayPort"/> that there is, whose viewers come to a public address there. One that comes
/// later is sent what is made from then on; one that takes nothing is let go of, and called again.
/// </summary>
internal sealed class RelaySender : IByteSink
{
    private static readonly TimeSpan Again = TimeSpan.FromMilliseconds(200);
    private static readonly TimeSpan Parting = TimeSpan.FromSeconds(1);
    private const long MostWaiting = 16 << 20;

    private readonly RelayAddress _address;
    private readonly CancellationTokenSource _stop = new();
    private readonly Lock _gate = new();
    private readonly Dictionary<(string Host, int Port), RelayReader> _lines = [];
    private readonly List<Task> _sending = [];
    private readonly TaskCompletionSource _first = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly Task _calling;
    private bool _isOver;

    private RelaySender(RelayAddress address)
    {
        _address = address;
        _calling = Task.Run(Call);
    }

    /// <summary>Seven packets of a transport stream.</summary>
    public int DatagramSize => 7 * 188;

    public LinkStatistics? Statistics => null;

    /// <summary>Relays that it sends to now.</summary>
    public int Lines
    {
        get
        {
            lock (_gate)
            {
                return _lines.Count;
            }
        }
    }

    /// <summary>Waits until a relay takes it.</summary>
    /// <param name="address"><c>relay://HOST:PORT[,HOST:PORT]/NAME?token=TOKEN</c>.</param>
    /// <param name="ct">Breaks it off.</param>
    /// <exception cref="OperationCanceledException"><paramref name="ct"/> was cancelled.</exception>
    public static RelaySender Connect(MediaAddress address, CancellationToken ct)
    {
        var sender = new RelaySender(RelayAddress.Parse(address));
        try
        {
            sender._first.Task.WaitAsync(ct).GetAwaiter().GetResult();
            return sender;
        }
        catch
        {
            sender.Dispose();
            throw;
        }
    }

    /// <summary>Never false: a relay that is gone comes again, and viewers are not ours.</summary>
    public bool Write(ReadOnlySpan<byte> datagram)
    {
        var piece = datagram.ToArray();
        lock (_gate)
        {
            foreach (var (host, line) in _lines)
            {
                if (!line.TryWrite(piece))
                {
                    _ = _lines.Remove(host);
                }
            }
        }

        return true;
    }

    public void Dispose()
    {
        lock (_gate)
        {
            _isOver = true;
            foreach (var line in _lines.Values)
            {
                line.End();
            }
        }

        // What was written is sent, as long as somebody takes it.
        Task sent;
        lock (_gate)
        {
            sent = Task.WhenAll(_sending);
        }

        _ = sent.Wait(Parting);
        _stop.Cancel();
        _calling.GetAwaiter().GetResult();
    }

    private async Task Call()
    {
        try
        {
            using var calls = new RelayCalls(_address, RelayPort.SenderGreeting);
            while (true)
            {
                foreach (var (host, socket, answer) in await calls.Next(IsMissing, Again, _stop.Token).ConfigureAwait(false))
                {
                    if (answer != RelayPort.TransportStream)
                    {
                        socket.Dispose();
                        continue;
                    }

                    var line = new RelayReader(MostWaiting);
                    lock (_gate)
                    {
                        if (_isOver)
                        {
                            socket.Dispose();
                            return;
                        }

                        _lines[host] = line;
                        _ = _sending.RemoveAll(s => s.IsCompleted);
                        _sending.Add(Task.Run(() => Send(host, socket, line)));
                    }

                    _ = _first.TrySetResult();
                }

                await Task.Delay(Again, _stop.Token).ConfigureAwait(false);
            }
        }
        catch (OperationCanceledException)
        {
            // Nobody sends any more.
        }
        catch (Exception e)
        {
            _ = _first.TrySetException(e);
        }
    }

    private bool IsMissing((string Host, int Port) host)
    {
        lock (_gate)
        {
            return !_lines.ContainsKey(host);
        }
    }

    private async Task Send((string Host, int Port) host, Socket socket, RelayReader line)
    {
        try
        {
            using (socket)
            {
                await line.SendTo(socket, _stop.Token).ConfigureAwait(false);
            }
        }
        catch (Exception e) when (e is SocketException or OperationCanceledException)
        {
            // It is gone.
        }
        finally
        {
            line.End();
            lock (_gate)
            {
                if (_lines.GetValueOrDefault(host) == line)
                {
                    _ = _lines.Remove(host);
                }
            }
        }
    }
}
