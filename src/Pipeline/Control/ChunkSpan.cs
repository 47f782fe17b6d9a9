namespace StreamDiff.Pipeline.Control;

/// <summary>Where a chunk lies in its stream.</summary>
/// <param name="Chunk">Number of the chunk, from 0.</param>
/// <param name="FirstFrame">Number of its first frame in the stream, from 0.</param>
/// <param name="LastFrame">Number of its last frame.</param>
/// <param name="End">Time at which its last frame stops being shown, since the stream's first frame.</param>
public readonly record struct ChunkSpan(long Chunk, long FirstFrame, long LastFrame, TimeSpan End)
{
    /// <summary>Time at which its first frame is shown.</summary>
    public TimeSpan Begin { get; init; }

    /// <summary>Time of the stream's first frame on the source's clock, on which its sound is too.</summary>
    public TimeSpan Origin { get; init; }

    /// <summary>For how long its frames are shown; as far as their times tell.</summary>
    public TimeSpan Length { get; init; }

    /// <summary>False where the chunk's frames were let go before anybody wanted them beside what is made of them. Default true.</summary>
    public bool HasInput { get; init; } = true;

    /// <summary>Beats since the stream's first frame, at its beginning.</summary>
    public double BeginBeat { get; init; }

    /// <summary>The same at its end.</summary>
    public double EndBeat { get; init; }

    /// <summary>True where a multiple of so many beats lies in it.</summary>
    public bool HasBeat(double every) => Math.Ceiling(BeginBeat / every - 1e-9) * every < EndBeat - 1e-9;
}
