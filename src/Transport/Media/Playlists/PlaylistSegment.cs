namespace StreamDiff.Transport.Media.Playlists;

/// <summary>A segment: fragments from a key frame up to another one.</summary>
/// <param name="Number">Its media sequence number.</param>
/// <param name="Header">What is needed before it.</param>
/// <param name="HeaderNumber">Number of the first segment with that header, by which it is named.</param>
/// <param name="At">When its first picture was given.</param>
/// <param name="Breaks">Discontinuities of the playlist up to it, one before it included.</param>
/// <param name="IsBreak">True where the segment before it is another encoder's.</param>
public sealed record PlaylistSegment(
    long Number, PlaylistHeader Header, long HeaderNumber, DateTimeOffset At, long Breaks, bool IsBreak)
{
    /// <summary>Its parts so far.</summary>
    public IReadOnlyList<PlaylistPart> Parts { get; init; } = [];

    /// <summary>How long it lasts; null while parts are added.</summary>
    public double? Seconds { get; init; }

    /// <summary>Bytes of its parts.</summary>
    public long Bytes { get; init; }
}
