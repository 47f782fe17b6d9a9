namespace StreamDiff.Models.Wan.Fused;

/// <summary>How the ticks of a network were run on its device.</summary>
public sealed class TickStatistics
{
    /// <summary>Why own kernels are not used; null where they are.</summary>
    public string? WhyNoKernels { get; internal set; }

    /// <summary>Why ticks are not recorded; null where they are.</summary>
    public string? WhyNotRecorded { get; internal set; }

    /// <summary>Ticks with own kernels.</summary>
    public long Ticks { get; internal set; }

    /// <summary>Those of them that were one launch of a recording.</summary>
    public long Replayed { get; internal set; }

    /// <summary>Ticks that were run with operators of ATen although there are own kernels, by reason.</summary>
    public IReadOnlyDictionary<string, long> Otherwise => _otherwise;

    /// <summary>Recordings made.</summary>
    public long Recorded { get; internal set; }

    /// <summary>Memory of the device that recordings hold, about.</summary>
    public long RecordedBytes { get; internal set; }

    private readonly Dictionary<string, long> _otherwise = [];

    internal void CountOtherwise(string reason) => _otherwise[reason] = _otherwise.GetValueOrDefault(reason) + 1;
}
