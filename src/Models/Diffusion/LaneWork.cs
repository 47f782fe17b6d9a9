using StreamDiff.Models.KvCache;

namespace StreamDiff.Models.Diffusion;

/// <summary>A row that has been issued.</summary>
/// <param name="Stream">Whose row.</param>
/// <param name="Chunk">Which chunk.</param>
/// <param name="Step">Which of its steps, from 0.</param>
/// <param name="Held">Latent frames that its lane held before it.</param>
/// <param name="Row">Lane and position.</param>
internal readonly record struct LaneWork(LaneStream Stream, LaneChunk Chunk, int Step, int Held, TickRow Row);
