using System.Globalization;
using System.Text;
using StreamDiff.Models.Wan.Layers;
using static TorchSharp.torch;

namespace StreamDiff.Models.Wan.Fused;

/// <summary>How the ticks of a network were run on its device.</summary>
public sealed class TickStatistics
{
    /// <summary>What would be used for a network on a device, without the network.</summary>
    /// <exception cref="ModelException">The environment asks for what there is not.</exception>
    public static TickStatistics Of(WanConfig config, Device device, ScalarType type)
    {
        var statistics = new TickStatistics();
        FusedTicks.Create(config, device, type, statistics)?.Dispose();
        return statistics;
    }

    /// <summary>Why own kernels are not used; null where they are.</summary>
    public string? WhyNoKernels { get; internal set; }

    /// <summary>Why ticks are not recorded; null where they are.</summary>
    public string? WhyNotRecorded { get; internal set; }

    /// <summary>Ticks with own kernels.</summary>
    public long Ticks { get; internal set; }

    /// <summary>Those of them that were one launch of a recording.</summary>
    public long Replayed { get; internal set; }

    /// <summary>Those of them that were launches of a recording in pieces, with attention between them.</summary>
    public long InPieces { get; internal set; }

    /// <summary>Ticks that were run with operators of ATen although there are own kernels, by reason.</summary>
    public IReadOnlyDictionary<string, long> Otherwise => _otherwise;

    /// <summary>Recordings made.</summary>
    public long Recorded { get; internal set; }

    /// <summary>Memory of the device that recordings hold, about.</summary>
    public long RecordedBytes { get; internal set; }

    /// <summary>All of it in one line, for reports.</summary>
    public override string ToString()
    {
        if (WhyNoKernels is not null)
            return $"operators of ATen ({WhyNoKernels})";
        var line = new StringBuilder($"own kernels, {Replayed} of {Ticks} ticks replayed");
        if (InPieces > 0)
            line.Append(CultureInfo.InvariantCulture, $", {InPieces} in pieces,");
        line.Append(CultureInfo.InvariantCulture, $" from {Recorded} recordings ({RecordedBytes >> 20} MiB)");
        if (WhyNotRecorded is not null)
            line.Append(CultureInfo.InvariantCulture, $"; not recorded: {WhyNotRecorded}");
        foreach (var (reason, count) in _otherwise)
            line.Append(CultureInfo.InvariantCulture, $"; {count} by ATen: {reason}");
        return line.ToString();
    }

    private readonly Dictionary<string, long> _otherwise = [];

    internal void CountOtherwise(string reason) => _otherwise[reason] = _otherwise.GetValueOrDefault(reason) + 1;
}
