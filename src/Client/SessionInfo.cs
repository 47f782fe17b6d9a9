namespace StreamDiff.Client;

/// <summary>States of a session.</summary>
public enum SessionState
{
    /// <summary>Its prompt is being read.</summary>
    Opening,

    /// <summary>Source and outputs are at work, or waited for.</summary>
    Running,

    /// <summary>It was stopped, or its time or its input was over.</summary>
    Ended,

    /// <summary>It could not go on; <see cref="SessionInfo.Reason"/> says why.</summary>
    Failed,

    /// <summary>It waits until a worker of the fleet has room; <see cref="SessionInfo.Queue"/> says how long.</summary>
    Queued,

    /// <summary>Nobody sends or watches: it has no worker of the fleet until somebody does.</summary>
    Suspended,
}

/// <summary>A place in a fleet's queue.</summary>
/// <param name="Position">1 is the next.</param>
/// <param name="WaitSeconds">How long it will probably last, as often as places have become free of late; null where nobody knows.</param>
public sealed record QueueInfo(int Position, double? WaitSeconds);

/// <summary>A session.</summary>
public sealed record SessionInfo
{
    public required string Name { get; init; }

    public required SessionState State { get; init; }

    /// <summary>Why it failed, in one line.</summary>
    public string? Reason { get; init; }

    /// <summary>Grows with each change; the number in its ETag.</summary>
    public required long Version { get; init; }

    public required DateTimeOffset Created { get; init; }

    public DateTimeOffset? Ended { get; init; }

    /// <summary>Name of its model, or passthrough.</summary>
    public required string Model { get; init; }

    /// <summary>Its input, secrets hidden.</summary>
    public required string Input { get; init; }

    /// <summary>Width and height in pixels; null before it is open.</summary>
    public string? Size { get; init; }

    /// <summary>Frames a second of its outputs.</summary>
    public double Fps { get; init; }

    /// <summary>Milliseconds from capture to hand-over that it is promised; null without a model.</summary>
    public double? DeadlineMs { get; init; }

    /// <summary>What it is steered to now; null without a model.</summary>
    public SessionControls? Controls { get; init; }

    /// <summary>How it is doing; null before it is open.</summary>
    public SessionStatus? Status { get; init; }

    /// <summary>What the user should know, a line each.</summary>
    public IReadOnlyList<string> Notes { get; init; } = [];

    /// <summary>The worker of the fleet that runs it; null where it runs in the studio itself, or nowhere.</summary>
    public string? Worker { get; init; }

    /// <summary>Times that it has changed its worker.</summary>
    public long Moves { get; init; }

    /// <summary>Its place in the queue; null where it does not wait.</summary>
    public QueueInfo? Queue { get; init; }

    /// <summary>Whoever has it may publish to the session; only told to who may operate it.</summary>
    public string? PublishKey { get; init; }

    /// <summary>Whoever has it may watch the session; only told to who may operate it.</summary>
    public string? PlayKey { get; init; }
}

/// <summary>What a session is steered to.</summary>
/// <param name="Prompt">Its prompt.</param>
/// <param name="NoiseScale">Largest share of noise.</param>
/// <param name="Steps">Denoising steps that were asked for; see <see cref="SessionStatus.Steps"/> for those in use.</param>
/// <param name="Seed">Of all noise.</param>
/// <param name="Sinks">Latent frames that are kept.</param>
/// <param name="SinkThreshold">A sink less similar to the new chunk is replaced.</param>
/// <param name="Paused">True while the last frame is held.</param>
public sealed record SessionControls(
    string Prompt, double NoiseScale, int Steps, long Seed, int Sinks, double SinkThreshold, bool Paused)
{
    /// <summary>Strengths of LoRAs by name, those that can change; null for none.</summary>
    public IReadOnlyDictionary<string, double>? Loras { get; init; }

    /// <summary>
    /// What else holds, as commands that would bring it about: tempo, quantize, map, on, region, mix, key, loopback. Empty for nothing.
    /// </summary>
    public IReadOnlyList<string> Standing { get; init; } = [];
}

/// <summary>How a session is doing.</summary>
public sealed record SessionStatus
{
    /// <summary>waiting, open, lost or ended.</summary>
    public required string Source { get; init; }

    /// <summary>Frames a second received, over the last second.</summary>
    public required double FpsIn { get; init; }

    /// <summary>New frames a second, over the last second.</summary>
    public required double FpsNew { get; init; }

    public required long FramesIn { get; init; }

    public required long FramesOut { get; init; }

    public required long Dropped { get; init; }

    /// <summary>Frames after their deadline.</summary>
    public required long Late { get; init; }

    /// <summary>The same by the stage that was to blame.</summary>
    public required IReadOnlyDictionary<string, long> LateBy { get; init; }

    public double? FirstFrameMs { get; init; }

    public required double LatencyP50Ms { get; init; }

    public required double LatencyP95Ms { get; init; }

    public required double LatencyP99Ms { get; init; }

    public required double LatencyMaxMs { get; init; }

    /// <summary>Mean milliseconds of each stage.</summary>
    public required IReadOnlyDictionary<string, double> StagesMs { get; init; }

    /// <summary>Denoising steps in use.</summary>
    public required int Steps { get; init; }

    /// <summary>What is given up at present.</summary>
    public required IReadOnlyList<string> GivenUp { get; init; }

    public required IReadOnlyList<OutputInfo> Outputs { get; init; }

    /// <summary>The encoders that the outputs share.</summary>
    public IReadOnlyList<EncoderInfo> Encoders { get; init; } = [];

    /// <summary>The source's SRT connection; null where there is none.</summary>
    public LinkInfo? Link { get; init; }
}

/// <summary>An output of a session.</summary>
/// <param name="Name">Its address, secrets hidden.</param>
/// <param name="IsOpen">False while it is being opened again.</param>
/// <param name="Sent">Frames written.</param>
/// <param name="Dropped">Frames left out because it was slow.</param>
/// <param name="Reopened">Times that it was opened again.</param>
/// <param name="Link">Its SRT connection; null where there is none.</param>
/// <param name="Encoder">Number of the encoder of its pictures; null before it was first opened, and where nothing is encoded.</param>
public sealed record OutputInfo(
    string Name, bool IsOpen, long Sent, long Dropped, long Reopened, LinkInfo? Link = null, int? Encoder = null);

/// <summary>An encoder of a session's outputs.</summary>
/// <param name="Number">By which outputs name it, from 1.</param>
/// <param name="Name">What it makes, in words.</param>
/// <param name="Made">Pictures, or blocks of sound, that it has encoded.</param>
/// <param name="Outputs">Outputs that share it, viewers among them.</param>
public sealed record EncoderInfo(int Number, string Name, long Made, IReadOnlyList<string> Outputs);

/// <summary>How an SRT connection is doing, since it began.</summary>
/// <param name="RttMs">Milliseconds there and back.</param>
/// <param name="Packets">Sent and received, those that were sent again included.</param>
/// <param name="Lost">Found missing by whoever receives them.</param>
/// <param name="Retransmitted">Sent again.</param>
/// <param name="Dropped">Too late to be of use.</param>
public sealed record LinkInfo(double RttMs, long Packets, long Lost, long Retransmitted, long Dropped);
