using FFmpeg.AutoGen;
using static FFmpeg.AutoGen.ffmpeg;

namespace StreamDiff.Transport.Media.FFmpeg;

/// <summary>Collects what was wrong with an input, each kind of trouble once.</summary>
internal sealed class SourceTrouble(string input)
{
    // Headers and last frames disagree by a little in healthy files.
    private static readonly TimeSpan Tolerance = TimeSpan.FromSeconds(0.5);

    private readonly List<string> _warnings = [];

    /// <summary>The input's name, without secrets.</summary>
    public string Input => input;

    private bool _hasSeenHdr;

    /// <summary>Warns of pictures that cannot be shown as they were meant.</summary>
    public unsafe void Look(AVFrame* picture)
    {
        if (!_hasSeenHdr && picture->color_trc is AVColorTransferCharacteristic.AVCOL_TRC_SMPTE2084
            or AVColorTransferCharacteristic.AVCOL_TRC_ARIB_STD_B67)
        {
            _hasSeenHdr = true;
            _warnings.Add($"'{input}' is HDR video: it is read without tone mapping and looks pale.");
        }
    }

    /// <summary>Warns when reading stopped for another reason than the end of the file.</summary>
    public void LookAtReadError(int code, bool hasStalled, bool isLive)
    {
        if (hasStalled)
        {
            _warnings.Add($"'{input}' sends nothing any more.");
        }
        else if (isLive && (code == AVERROR_EOF || code == AVERROR(EIO)))
        {
            // FFmpeg's protocols say EIO when the other side leaves.
            _warnings.Add($"'{input}' has ended.");
        }
        else if (code != AVERROR_EOF)
        {
            _warnings.Add($"Reading '{input}' stopped early: {FFmpegError.Describe(code)}.");
        }
    }

    /// <summary>Warns when pictures ended well before the length in the header.</summary>
    public void LookAtEnd(TimeSpan reached, TimeSpan? duration)
    {
        if (duration is { } length && reached + Tolerance < length)
        {
            _warnings.Add(FormattableString.Invariant(
                $"'{input}' ends after {reached.TotalSeconds:F1} of {length.TotalSeconds:F1} s: it looks truncated."));
        }
    }

    /// <summary>The account so far.</summary>
    /// <param name="decoded">Pictures that were decoded.</param>
    /// <param name="corrupt">Packets refused and pictures damaged.</param>
    /// <param name="repaired">Pictures whose time had to be changed.</param>
    public SourceStatistics ToStatistics(long decoded, long corrupt, long repaired)
    {
        string[] damage = corrupt > 0
            ? [$"'{input}' is damaged in places: {corrupt} packet{(corrupt == 1 ? " or picture was" : "s or pictures were")} left out or "
                + "repaired."]
            : [];
        return new SourceStatistics(decoded, corrupt, repaired, [.. _warnings, .. damage]);
    }
}
