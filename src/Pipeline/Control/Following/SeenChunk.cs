using StreamDiff.Pipeline.Stream;

namespace StreamDiff.Pipeline.Control.Following;

/// <summary>What is known of the pictures of a chunk that begins.</summary>
/// <param name="Aspect">Their width by their height.</param>
/// <param name="Times">When each is shown, since the stream's first.</param>
/// <param name="Faces">Those of its last picture; null where nobody has looked.</param>
internal readonly record struct SeenChunk(double Aspect, IReadOnlyList<TimeSpan> Times, IReadOnlyList<FaceBox>? Faces);
