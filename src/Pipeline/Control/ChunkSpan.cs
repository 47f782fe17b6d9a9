namespace StreamDiff.Pipeline.Control;

/// <summary>Where a chunk lies in its stream.</summary>
/// <param name="Chunk">Number of the chunk, from 0.</param>
/// <param name="FirstFrame">Number of its first frame in the stream, from 0.</param>
/// <param name="LastFrame">Number of its last frame.</param>
/// <param name="End">Time at which its last frame stops being shown, since the stream's first frame.</param>
public readonly record struct ChunkSpan(long Chunk, long FirstFrame, long LastFrame, TimeSpan End);
