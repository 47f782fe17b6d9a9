using StreamDiff.Pipeline.Stream;
using StreamDiff.Transport.Media.Live;

namespace StreamDiff.Pipeline.Control.Following;

/// <summary>A region that follows a mask or a face: makes the changes of the region, chunk by chunk. For one thread at a time.</summary>
/// <param name="say">Told what is wrong with a mask, in one line.</param>
internal sealed class RegionFollower(Action<string> say) : IDisposable
{
    // As many as fit into a control line, however little they can be packed.
    private const int MostMaps = 5;

    private RegionFollowChange? _change;
    private FaceTrack? _face;
    private MaskReader? _mask;
    private TimeSpan? _begin;
    private RegionMap? _told;

    /// <summary>True where nothing is followed.</summary>
    public bool IsEmpty => _change is null;

    /// <summary>True where masks of files are waited for.</summary>
    public bool Waits { get; set; }

    /// <summary>A change that takes effect.</summary>
    public void Take(ControlChange change)
    {
        if (change is not (RegionFollowChange or RegionChange { IsMade: false }))
            return;
        _mask?.Dispose();
        (_change, _mask, _begin, _told) = (change as RegionFollowChange, null, null, null);
        _face = _change is { Mask: null } ? new FaceTrack() : null;
    }

    /// <summary>The region of a chunk; null where it is as before.</summary>
    /// <param name="seen">The chunk.</param>
    /// <param name="seconds">How long it is.</param>
    public RegionChange? Next(SeenChunk seen, double seconds)
    {
        if (_change is not { } change)
            return null;
        var region = change.Mask is { } mask ? Masked(mask, change, seen) : Faced(change, seen, seconds);
        if (region is null || region.Equals(_told))
            return null;
        _told = region;
        return new RegionChange(region) { IsMade = true };
    }

    public void Dispose() => _mask?.Dispose();

    private RegionMap? Faced(RegionFollowChange change, SeenChunk seen, double seconds) =>
        seen.Faces is { } faces && _face!.Next(faces, seconds) is var (x, y, width, height)
            ? change.Look with { Shape = RegionShape.Ellipse, X = x, Y = y, Width = width, Height = height }
            : null;

    private RegionMap? Masked(string mask, RegionFollowChange change, SeenChunk seen)
    {
        _mask ??= new MaskReader(MediaAddress.Parse(mask), change.IsHeld, seen.Aspect, Waits, say);
        _begin ??= seen.Times[0];
        var maps = new List<byte[]>();
        var step = (seen.Times.Count + MostMaps - 1) / MostMaps;
        for (var frame = 0; frame < seen.Times.Count; frame++)
            // All are asked for, so that as much of the mask goes by as of the stream.
            if (_mask.At(seen.Times[frame] - _begin.Value) is not { } shares)
                return null;
            else if (frame % step == 0)
                maps.Add(shares);
        var drawn = RegionMap.OfShares(_mask.Columns, _mask.Rows, maps);
        return change.Look with
        {
            Shape = RegionShape.Map,
            MapSize = drawn.MapSize,
            Frames = drawn.Frames,
            Map = drawn.Map,
        };
    }
}
