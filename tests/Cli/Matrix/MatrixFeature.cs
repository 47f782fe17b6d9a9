namespace StreamDiff.Cli.Tests.Matrix;

/// <summary>The way that frames go through the system.</summary>
public enum MatrixPath
{
    File,
    Live,
    Serve,
}

/// <summary>Where the transformer is.</summary>
public enum MatrixDevices
{
    One,
    RanksHere,
    RankProcesses,
}

/// <summary>A change on the way of a stream.</summary>
/// <param name="Name">The feature that it shows.</param>
/// <param name="Chunk">Chunk with which it takes effect.</param>
/// <param name="Command">What changes.</param>
/// <param name="Instead">The timeline's line without it.</param>
internal sealed record MatrixFeature(string Name, int Chunk, string Command, string Instead = "")
{
    /// <summary>As a line of a timeline.</summary>
    public string Line => $"at chunk {Chunk} {Command}";

    /// <summary>The last of them, with some chunks between it and the others.</summary>
    public static MatrixFeature Last { get; } = new("another seed", 12, "seed 8");

    /// <summary>In the order of their chunks. By the fourth chunk the window of the cache is full.</summary>
    public static IReadOnlyList<MatrixFeature> All { get; } =
    [
        new("prompt", 1, "prompt \"a blueprint\""),
        new("blend", 2, "prompt \"neon\" blend 3 spherical", "at chunk 2 prompt \"neon\""),
        new("noise", 4, "noise 0.4"),
        new("steps", 5, "steps 3"),
        new("sinks", 6, "sinks 1 threshold 0.9"),
        new("seed", 7, "seed 7"),
        new("pause", 8, "pause"),
        new("resume", 9, "resume"),
        Last,
    ];
}
