using StreamDiff.Transport.Media;

namespace StreamDiff.Pipeline.Live;

/// <summary>How a live run is doing, given once a second.</summary>
/// <param name="Elapsed">Since the run began.</param>
/// <param name="SourceState">waiting, open or lost.</param>
/// <param name="FramesIn">Frames received.</param>
/// <param name="FramesNew">Frames sent for the first time.</param>
/// <param name="FramesOut">Frames sent, repeated ones included.</param>
/// <param name="Dropped">Frames received and never shown: newer ones were there.</param>
/// <param name="Repeated">Frames that showed the frame before once more.</param>
/// <param name="SourceReopened">Times that the source came back.</param>
/// <param name="InRate">Frames a second received, over the last second.</param>
/// <param name="NewRate">New frames a second sent, over the last second.</param>
/// <param name="OutRate">Frames a second sent, over the last second.</param>
/// <param name="LatencyP50">Half of the latest frames took no longer from being taken by the source to their place in the output.</param>
/// <param name="LatencyP95">Nineteen of twenty took no longer.</param>
/// <param name="LatencyP99">Ninety-nine of a hundred took no longer.</param>
/// <param name="LatencyMax">None so far took longer.</param>
/// <param name="SoundMissing">Silence that stood for missing sound.</param>
/// <param name="SoundBehind">How much later than its pictures sound is handed to the outputs, because it comes that late.</param>
/// <param name="Jitter">How long pictures are held because they come in bursts.</param>
/// <param name="Outputs">Each output.</param>
/// <param name="Encoders">Each encoder of the outputs.</param>
/// <param name="Link">The source's SRT connection; null where there is none.</param>
public sealed record LiveStatus(
    TimeSpan Elapsed, string SourceState, long FramesIn, long FramesNew, long FramesOut, long Dropped, long Repeated, long SourceReopened,
    double InRate, double NewRate, double OutRate, TimeSpan LatencyP50, TimeSpan LatencyP95, TimeSpan LatencyP99,
    TimeSpan LatencyMax, TimeSpan SoundMissing, TimeSpan SoundBehind, TimeSpan Jitter, IReadOnlyList<OutputStatus> Outputs,
    IReadOnlyList<EncoderStatus> Encoders, LinkStatistics? Link = null);

/// <summary>How one output is doing.</summary>
/// <param name="Name">Its address without secrets.</param>
/// <param name="IsOpen">False while it is being opened again; of a finished run: whether it was open when the run ended.</param>
/// <param name="Sent">Frames written; of a finished run all of them, those included that waited when it ended.</param>
/// <param name="Dropped">Frames left out because it, or its encoder, was slow.</param>
/// <param name="Reopened">Times that it was opened again.</param>
/// <param name="Obstacle">
/// Why nothing was written; null where something was, and of a listener that waits for somebody to come.
/// </param>
/// <param name="Link">Its SRT connection; null where there is none.</param>
/// <param name="Encoder">
/// Number of the encoder of its pictures (<see cref="EncoderStatus.Number"/>); null before it was first opened, and where nothing is
/// encoded.
/// </param>
public sealed record OutputStatus(
    string Name, bool IsOpen, long Sent, long Dropped, long Reopened, string? Obstacle = null, LinkStatistics? Link = null,
    int? Encoder = null);

/// <summary>How an encoder is doing.</summary>
/// <param name="Number">By which outputs name it; from 1, in the order in which they came.</param>
/// <param name="Name">What it makes, in words.</param>
/// <param name="Made">Pictures, or blocks of sound, that it has encoded.</param>
/// <param name="Outputs">Outputs that share it.</param>
public sealed record EncoderStatus(int Number, string Name, long Made, IReadOnlyList<string> Outputs);

/// <summary>What a finished live run did.</summary>
/// <param name="Status">The last state.</param>
/// <param name="Cancelled">True when somebody stopped it, false when its time was over or its input ended.</param>
public sealed record LiveResult(LiveStatus Status, bool Cancelled);
