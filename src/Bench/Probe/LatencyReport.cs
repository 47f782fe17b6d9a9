namespace StreamDiff.Bench.Probe;

/// <summary>What a probe found. Times in milliseconds.</summary>
/// <param name="Sent">Pictures sent.</param>
/// <param name="Received">Different pictures that came back.</param>
/// <param name="Repeated">Pictures that came back once more.</param>
/// <param name="Unreadable">Pictures whose time bar code could not be read.</param>
/// <param name="FirstPicture">From the first picture sent to the first received.</param>
/// <param name="Minimum">Shortest way; this and all that follows leave the first fifth of the time out.</param>
/// <param name="P50">Half of the pictures took no longer.</param>
/// <param name="P95">Nineteen of twenty took no longer.</param>
/// <param name="P99">Ninety-nine of a hundred took no longer.</param>
/// <param name="Maximum">Longest way.</param>
/// <param name="SoundOffset">Sound after (positive) or before its picture, by their times of presentation: the median of all beeps; null
/// without sound.</param>
/// <param name="SoundOffsetP95">Nineteen of twenty beeps are no further from their flash, before or after it.</param>
/// <param name="SoundOffsetWorst">The offset furthest from zero.</param>
/// <param name="Beeps">Beeps that were found beside a flash.</param>
/// <param name="SoundOffsetAtStart">The offset furthest from zero in the first fifth; null when nothing was heard then.</param>
public sealed record LatencyReport(
    long Sent, long Received, long Repeated, long Unreadable, double FirstPicture, double Minimum, double P50, double P95, double P99,
    double Maximum,
    double? SoundOffset, double? SoundOffsetP95, double? SoundOffsetWorst, int Beeps, double? SoundOffsetAtStart);
