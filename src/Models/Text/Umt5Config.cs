namespace StreamDiff.Models.Text;

/// <summary>Sizes of a UMT5 encoder; the defaults are UMT5-XXL's.</summary>
public sealed record Umt5Config
{
    public int Vocabulary { get; init; } = 256384;

    public int Dim { get; init; } = 4096;

    /// <summary>Width of all heads together.</summary>
    public int AttentionDim { get; init; } = 4096;

    public int FfnDim { get; init; } = 10240;

    public int Heads { get; init; } = 64;

    public int Layers { get; init; } = 24;

    /// <summary>Buckets of relative positions.</summary>
    public int Buckets { get; init; } = 32;

    /// <summary>True where one position bias serves all layers (T5); UMT5 has one in each.</summary>
    public bool SharedPositions { get; init; }

    public double Epsilon { get; init; } = 1e-6;
}
