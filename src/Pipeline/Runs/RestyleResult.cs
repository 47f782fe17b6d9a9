using StreamDiff.Pipeline.Telemetry;

namespace StreamDiff.Pipeline.Runs;

/// <summary>State of a run, given about four times a second.</summary>
/// <param name="FramesIn">Video frames read.</param>
/// <param name="FramesOut">Video frames written.</param>
/// <param name="FramesTotal">Frames expected in all, where the source tells.</param>
/// <param name="Elapsed">Since the first frame was read.</param>
/// <param name="StageTimes">Busy time of each stage so far, in pipeline order.</param>
public sealed record RestyleProgress(
    long FramesIn, long FramesOut, long? FramesTotal, TimeSpan Elapsed, IReadOnlyList<StageTime> StageTimes)
{
    /// <summary>
    /// What the user should know by now, a line each, such as what the model took a prompt for. Grows; <see cref="RestyleResult.Notes"/>
    /// has all of them.
    /// </summary>
    public IReadOnlyList<string> Notes { get; init; } = [];
}

/// <summary>What a finished or cancelled run did.</summary>
/// <param name="Progress">The last state.</param>
/// <param name="Cancelled">True after Ctrl+C; the output holds what was finished.</param>
/// <param name="Notes">Things the user should know, such as the size used instead or damaged frames that were skipped.</param>
public sealed record RestyleResult(RestyleProgress Progress, bool Cancelled, IReadOnlyList<string> Notes);
