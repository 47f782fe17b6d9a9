namespace StreamDiff.Transport.Media.Playlists;

/// <summary>What a player needs before the segments of one encoder.</summary>
/// <param name="Data">The beginning of an MP4 file, without pictures and sound.</param>
/// <param name="Codecs">All of them in the words of RFC 6381, such as "avc1.42C01F,mp4a.40.2".</param>
/// <param name="Width">Pixels a row.</param>
/// <param name="Height">Rows.</param>
/// <param name="BitRate">Most bits a second of all together.</param>
public sealed record PlaylistHeader(ReadOnlyMemory<byte> Data, string Codecs, int Width, int Height, long BitRate);
