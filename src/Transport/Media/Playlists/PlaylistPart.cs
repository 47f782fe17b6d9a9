namespace StreamDiff.Transport.Media.Playlists;

/// <summary>A part of a segment: one fragment of MP4.</summary>
/// <param name="Number">Unique, one more from part to part.</param>
/// <param name="Data">The fragment.</param>
/// <param name="Seconds">How long its pictures last.</param>
/// <param name="IsIndependent">True where it begins with a key frame.</param>
public sealed record PlaylistPart(long Number, ReadOnlyMemory<byte> Data, double Seconds, bool IsIndependent);
