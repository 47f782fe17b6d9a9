using System.Collections.Concurrent;

namespace StreamDiff.Transport.Links.Cuda;

/// <summary>
/// Copies of arrays that a rank has handed over, which are complete. libtorch would queue such a copy on the stream that the rank's next
/// tick is computed on already: it would come when that tick is over. These copies have streams of their own. They return when all is
/// copied.
/// </summary>
public static unsafe class DeviceCopy
{
    private static readonly ConcurrentDictionary<int, ConcurrentBag<(nint Stream, nint Mark)>> Idle = new();

    /// <summary>From a device to host memory.</summary>
    /// <exception cref="LinkException">The device fails.</exception>
    public static void ToHost(nint source, int device, Span<byte> destination)
    {
        using var scope = CudaDriver.Use(device);
        var lane = Take(device);
        fixed (byte* host = destination)
            CudaDriver.CopyToHost(host, source, destination.Length, lane.Stream);
        CudaDriver.Synchronize(lane.Stream);
        Idle[device].Add(lane);
    }

    /// <summary>
    /// From one device to another, directly where they can reach each other. The destination may be memory that queued work has just let
    /// go.
    /// </summary>
    /// <exception cref="LinkException">A device fails.</exception>
    public static void Between(nint source, int sourceDevice, nint destination, int destinationDevice, long bytes)
    {
        using var scope = CudaDriver.Use(destinationDevice);
        CudaDriver.Reach(sourceDevice, from: destinationDevice);
        var lane = Take(destinationDevice);
        CudaDriver.AfterComputation(lane.Stream, lane.Mark);
        CudaDriver.CopyBetween(destination, destinationDevice, source, sourceDevice, bytes, lane.Stream);
        CudaDriver.Synchronize(lane.Stream);
        Idle[destinationDevice].Add(lane);
    }

    // As many as ever copy at the same time; kept for the life of the process.
    private static (nint Stream, nint Mark) Take(int device) =>
        Idle.GetOrAdd(device, _ => []).TryTake(out var lane) ? lane : (CudaDriver.NewStream(), CudaDriver.NewEvent());
}
