using StreamDiff.Transport.Links.Nccl;

namespace StreamDiff.Transport.Links.Sockets;

/// <summary>
/// The last step of joining two ranks that both have lanes between devices: each end opens its end, tells the other whether that worked,
/// and arrays take the lane only where both did. Two ranks on one GPU, for one, cannot; their arrays go through host memory.
/// </summary>
internal static class LaneOpening
{
    /// <param name="stream">Shaken hands over; the link takes it over.</param>
    /// <param name="peer">Who is at the other end.</param>
    /// <param name="options">Lanes and limits.</param>
    /// <param name="lane">What the handshake agreed on.</param>
    /// <param name="isCaller">True at the end that called.</param>
    public static async Task<ILink> OpenAsync(Stream stream, string peer, LinkOptions options, LaneOffer lane, bool isCaller)
    {
        if (lane.Ids.Length == 0)
            return new SocketLink(stream, peer, options) { Carrier = lane.Obstacle is { } missing ? $"socket ({missing})" : "socket" };
        var (mine, obstacle) = await TryOpenAsync(options, lane.Ids, isCaller).ConfigureAwait(false);
        try
        {
            // The peer may take as long as this end was allowed to.
            using var timeout = new CancellationTokenSource(2 * options.LaneTimeout);
            var theirs = await TellAsync(stream, mine is not null, timeout.Token).ConfigureAwait(false);
            if (mine is not null && theirs)
                return new DeviceLink(new SocketLink(stream, peer, options), mine, options.Devices!.Allocator, options.MaxOutstanding);
        }
        catch
        {
            mine?.Dispose();
            throw;
        }
        mine?.Dispose();
        return new SocketLink(stream, peer, options)
        {
            Carrier = $"socket ({obstacle ?? "the neighbour could not open its end of the lane between devices"})",
        };
    }

    private static async Task<(IDeviceLane? Lane, string? Obstacle)> TryOpenAsync(LinkOptions options, byte[] ids, bool isCaller)
    {
        // A thread of its own: joining waits for the neighbour, and leaves its device behind as the thread's.
        var opening = Task.Factory.StartNew(
            () => options.Devices!.Open(ids, isCaller), CancellationToken.None, TaskCreationOptions.LongRunning, TaskScheduler.Default);
        try
        {
            return (await opening.WaitAsync(options.LaneTimeout).ConfigureAwait(false), null);
        }
        catch (LinkException e)
        {
            return (null, e.Message);
        }
        catch (TimeoutException)
        {
            // Should it ever be open, nobody wants it any more.
            _ = opening.ContinueWith(
                late => late.Result.Dispose(), CancellationToken.None, TaskContinuationOptions.OnlyOnRanToCompletion,
                TaskScheduler.Default);
            return (null, $"the lane between devices was not open within {options.LaneTimeout.TotalSeconds:0} s");
        }
    }

    private static async Task<bool> TellAsync(Stream stream, bool isOpen, CancellationToken cancellation)
    {
        await stream.WriteAsync((byte[])[isOpen ? (byte)1 : (byte)0], cancellation).ConfigureAwait(false);
        await stream.FlushAsync(cancellation).ConfigureAwait(false);
        var theirs = new byte[1];
        await stream.ReadExactlyAsync(theirs, cancellation).ConfigureAwait(false);
        return theirs[0] == 1;
    }
}

/// <summary>What two ends agreed on in the handshake.</summary>
/// <param name="Ids">Ids of the lane; empty for none.</param>
/// <param name="Obstacle">Why there is none although this end wanted one.</param>
internal readonly record struct LaneOffer(byte[] Ids, string? Obstacle)
{
    /// <summary>What this end offers.</summary>
    public static LaneOffer Of(LinkOptions options)
    {
        if (options.Devices is not { } devices)
            return new LaneOffer([], null);
        try
        {
            return new LaneOffer(devices.NewIds(), null);
        }
        catch (LinkException e)
        {
            return new LaneOffer([], e.Message);
        }
    }
}
