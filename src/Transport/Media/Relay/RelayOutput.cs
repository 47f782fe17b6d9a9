using StreamDiff.Transport.Media.FFmpeg;
using StreamDiff.Transport.Media.Live;
using StreamDiff.Transport.Media.Srt;

namespace StreamDiff.Transport.Media.Relay;

/// <summary>
/// A public address that a viewer comes to, for a stream that is made elsewhere: it stays while the stream moves, and so does the viewer.
/// </summary>
internal sealed class RelayOutput : IDisposable
{
    private static readonly TimeSpan Again = TimeSpan.FromMilliseconds(25);
    private static readonly TimeSpan AfterTrouble = TimeSpan.FromSeconds(1);

    private readonly CancellationTokenSource _stop = new();
    private readonly Action<string> _tell;
    private readonly SrtListener _viewers;
    private readonly Lock _gate = new();
    private CancellationTokenSource? _taking;
    private volatile RelayFeed? _feed;

    /// <param name="address">With <c>mode=listener</c>.</param>
    /// <param name="tell">Told what went wrong, from any thread.</param>
    /// <exception cref="MediaException">It cannot be listened at.</exception>
    public RelayOutput(MediaAddress address, Action<string> tell)
    {
        _tell = tell;
        FFmpegLibrary.Initialize();
        _viewers = new SrtListener(SrtAddress.Parse(address), isForSenders: false);
    }

    /// <summary>Begins to wait for viewers, on a thread of its own: waiting for them and writing to them block it.</summary>
    public void Begin() => _ = Task.Factory.StartNew(
        Serve, CancellationToken.None, TaskCreationOptions.LongRunning, TaskScheduler.Default);

    /// <summary>Takes what is made, until its maker leaves or another one comes, which is the one that has the right to.</summary>
    public void Take(IByteSource maker, CancellationToken ct)
    {
        using var taking = CancellationTokenSource.CreateLinkedTokenSource(ct, _stop.Token);
        var feed = new RelayFeed(new TransportStreamFeed());
        lock (_gate)
        {
            _taking?.Cancel();
            (_taking, _feed) = (taking, feed);
        }

        try
        {
            using (maker)
            {
                feed.Pump(maker, taking.Token);
            }
        }
        finally
        {
            lock (_gate)
            {
                if (_taking == taking)
                {
                    (_taking, _feed) = (null, null);
                }
            }
        }
    }

    public void Dispose()
    {
        _stop.Cancel();
        _viewers.Dispose();
    }

    private void Serve()
    {
        while (!_stop.IsCancellationRequested)
        {
            try
            {
                using var viewer = _viewers.Accept(_stop.Token);
                Send(viewer);
            }
            catch (Exception e) when (e is OperationCanceledException or System.Threading.Channels.ChannelClosedException or MediaException)
            {
                // The viewer is gone, or the stream.
            }
            catch (Exception e)
            {
                // One viewer must not keep the next one out.
                _tell($"its viewer cannot be sent to: {e.GetType().Name}: {e.Message}");
                _ = _stop.Token.WaitHandle.WaitOne(AfterTrouble);
            }
        }
    }

    // Until the viewer leaves, whoever makes it meanwhile.
    private void Send(SrtSocket viewer)
    {
        while (viewer.IsAlive)
        {
            if (_feed is not { } feed)
            {
                Pause();
                continue;
            }

            var pieces = feed.Join();
            try
            {
                foreach (var datagram in pieces.ReadAll(viewer.DatagramSize, _stop.Token).ToBlockingEnumerable(_stop.Token))
                {
                    if (!viewer.Write(datagram.Span))
                    {
                        return;
                    }
                }
            }
            finally
            {
                feed.Leave(pieces);
            }

            // One that was too slow, or whose maker has left, is sent what comes next.
            Pause();
        }
    }

    private void Pause()
    {
        _ = _stop.Token.WaitHandle.WaitOne(Again);
        _stop.Token.ThrowIfCancellationRequested();
    }
}
