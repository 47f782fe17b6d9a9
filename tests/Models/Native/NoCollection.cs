using System.Runtime;

namespace StreamDiff.Testing;

/// <summary>
/// Holds the garbage collector off, so that a tensor that was not disposed is still counted when a test looks: whether the finalizer has
/// come by is luck.
/// </summary>
internal sealed class NoCollection : IDisposable
{
    // More than the tests allocate under it.
    private const long Room = 200_000_000;

    public NoCollection()
    {
        GC.Collect();
        GC.WaitForPendingFinalizers();
        Assert.True(GC.TryStartNoGCRegion(Room));
    }

    public void Dispose()
    {
        // Left by itself when there was not enough room: then a leak may have been missed.
        Assert.Equal(GCLatencyMode.NoGCRegion, GCSettings.LatencyMode);
        GC.EndNoGCRegion();
    }
}
