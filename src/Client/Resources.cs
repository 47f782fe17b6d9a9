using System.Text.Json.Serialization;

namespace StreamDiff.Client;

/// <summary>A recording to begin.</summary>
/// <param name="Container">mkv, mp4 or ts. Default mkv.</param>
public sealed record NewRecording(string? Container = null);

/// <summary>A recording of a session.</summary>
/// <param name="Id">Name of its file.</param>
/// <param name="Session">The session.</param>
/// <param name="IsComplete">False while it is being written.</param>
/// <param name="Bytes">Size so far.</param>
public sealed record RecordingInfo(string Id, string Session, bool IsComplete, long Bytes);

/// <summary>A model.</summary>
public sealed record ModelInfo
{
    public required string Name { get; init; }

    public required string Description { get; init; }

    /// <summary>True where all its files are there.</summary>
    public required bool IsReady { get; init; }

    /// <summary>True for the one that this studio runs.</summary>
    public required bool IsLoaded { get; init; }

    public required IReadOnlyList<string> Modes { get; init; }

    /// <summary>Width and height in pixels.</summary>
    public required string DefaultSize { get; init; }

    public required int MostSteps { get; init; }

    /// <summary>Numbers of steps that are of use, such as "1 to 2"; null for all.</summary>
    public string? UsefulSteps { get; init; }

    public required double NoiseScale { get; init; }

    /// <summary>Noise scales that are of use; null for all.</summary>
    public IReadOnlyList<double>? UsefulNoiseScale { get; init; }

    /// <summary>The styles that it knows; null where any description may mean something to it.</summary>
    public IReadOnlyList<StyleInfo>? Styles { get; init; }
}

/// <summary>A style that a model knows.</summary>
/// <param name="Name">Its name.</param>
/// <param name="Words">Words for it.</param>
public sealed record StyleInfo(string Name, IReadOnlyList<string> Words);

/// <summary>Prompt, settings and LoRAs that are kept under a name.</summary>
public sealed record Preset
{
    public required string Name { get; init; }

    public required PresetSettings Settings { get; init; }

    /// <summary>A small picture as a data URL (PNG, JPEG or WebP).</summary>
    public string? Thumbnail { get; init; }

    /// <summary>Grows with each change; the number in its ETag. Given by the studio.</summary>
    public long Version { get; init; }

    /// <summary>True for one that came with the program: another may stand in its place, it is not deleted. Given by the studio.</summary>
    public bool BuiltIn { get; init; }
}

/// <summary>What a preset changes; what is null stays as it is.</summary>
public sealed record PresetSettings
{
    public string? Prompt { get; init; }

    /// <summary>Chunks of the way to it, where whoever takes it says nothing else. Default: at once.</summary>
    public int? Blend { get; init; }

    /// <summary>True turns from the prompt before to this one instead of mixing them.</summary>
    public bool? Spherical { get; init; }

    /// <summary>Largest share of noise, 0.1 to 1.</summary>
    public double? NoiseScale { get; init; }

    /// <summary>Denoising steps.</summary>
    public int? Steps { get; init; }

    public long? Seed { get; init; }

    /// <summary>Latent frames at the window's start that are kept.</summary>
    public int? Sinks { get; init; }

    /// <summary>A kept frame less similar to the new one is replaced; -1 never.</summary>
    public double? SinkThreshold { get; init; }

    /// <summary>Strengths of LoRAs by name.</summary>
    public IReadOnlyDictionary<string, double>? Loras { get; init; }
}

/// <summary>How the studio is doing.</summary>
public sealed record StudioStatus
{
    public required string Version { get; init; }

    public required double UptimeSeconds { get; init; }

    /// <summary>True when the model is loaded and the device answers.</summary>
    public required bool IsReady { get; init; }

    /// <summary>The model that is loaded, or passthrough.</summary>
    public string? Model { get; init; }

    /// <summary>Where it computes.</summary>
    public string? Device { get; init; }

    /// <summary>In which type.</summary>
    public string? Type { get; init; }

    public required HostInfo Host { get; init; }

    /// <summary>Memory of the process in bytes.</summary>
    public required long ResidentBytes { get; init; }

    public required int Processors { get; init; }

    /// <summary>Seconds that the process has computed, all its threads together.</summary>
    public required double ProcessorSeconds { get; init; }
}

/// <summary>What the device is doing.</summary>
/// <param name="Sessions">Sessions that live.</param>
/// <param name="Load">Share of its time that they need, as predicted.</param>
/// <param name="LanesLeased">Lanes that sessions hold.</param>
/// <param name="Lanes">All lanes.</param>
/// <param name="Ticks">Passes of the network.</param>
/// <param name="BusySeconds">Time spent in them.</param>
/// <param name="CacheBytes">Memory of all caches.</param>
public sealed record HostInfo(int Sessions, double Load, int LanesLeased, int Lanes, long Ticks, double BusySeconds, long CacheBytes)
{
    /// <summary>Sessions that are suspended.</summary>
    public int Suspended { get; init; }

    /// <summary>Host memory that is kept for them.</summary>
    public long SuspendedBytes { get; init; }
}

/// <summary>Something that happened, told once.</summary>
public sealed record StudioEvent
{
    /// <summary>Grows by one with each event of the studio.</summary>
    public required long Id { get; init; }

    /// <summary>
    /// What happened: session.started, session.firstFrame, session.degraded, session.recovered, session.failed, session.ended,
    /// source.open, source.lost, output.open, output.lost, control.applied, control.failed, recording.started, recording.ended, or note.
    /// </summary>
    public required string Kind { get; init; }

    public required DateTimeOffset At { get; init; }

    /// <summary>True for what somebody may want to mend.</summary>
    public bool IsTrouble { get; init; }

    public string? Session { get; init; }

    /// <summary>One line.</summary>
    public required string Text { get; init; }
}

/// <summary>A log to run again, for the same frames bit for bit or a better take.</summary>
public sealed record NewReplay
{
    /// <summary>The session whose log is run again.</summary>
    public required string Session { get; init; }

    /// <summary>The frames of the session's source, in a file, or the same <c>test:</c> source.</summary>
    public required string Input { get; init; }

    /// <summary>Another number of denoising steps.</summary>
    public int? Steps { get; init; }

    /// <summary>mp4 or mkv. Default mkv.</summary>
    public string? Container { get; init; }
}

/// <summary>A replay.</summary>
/// <param name="Id">Its number.</param>
/// <param name="Session">Whose log it runs.</param>
/// <param name="State">running, done or failed.</param>
/// <param name="FramesOut">Frames written.</param>
/// <param name="Text">The outcome in one line; null while it runs.</param>
/// <param name="IsIdentical">Whether the frames are those of the session; null where that was not to be expected, or it runs.</param>
public sealed record ReplayInfo(string Id, string Session, string State, long FramesOut, string? Text = null, bool? IsIdentical = null)
{
    /// <summary>The worker that runs it; null outside of a fleet.</summary>
    public string? Worker { get; init; }
}

/// <summary>Where events are sent.</summary>
public sealed record NewWebhook
{
    /// <summary>An http or https address.</summary>
    public required string Url { get; init; }

    /// <summary>Kinds of events; null for those that webhooks are for.</summary>
    public IReadOnlyList<string>? Events { get; init; }

    /// <summary>Names of sessions; null for all.</summary>
    public IReadOnlyList<string>? Sessions { get; init; }

    /// <summary>What signs them, 16 characters or more; null has one made.</summary>
    public string? Secret { get; init; }
}

/// <summary>A webhook.</summary>
/// <param name="Name">Its name.</param>
/// <param name="Url">Where it sends to, without what may be secret in the query.</param>
/// <param name="Events">Kinds of events.</param>
/// <param name="Sessions">Names of sessions; null for all.</param>
/// <param name="Delivered">Events that arrived.</param>
/// <param name="Failed">Events that were given up.</param>
/// <param name="LastProblem">Why the last one did not arrive; null where it did.</param>
/// <param name="Secret">Told once, when it is made.</param>
public sealed record WebhookInfo(
    string Name, string Url, IReadOnlyList<string> Events, IReadOnlyList<string>? Sessions, long Delivered, long Failed,
    string? LastProblem = null, string? Secret = null);

/// <summary>A key to log in with.</summary>
/// <param name="Key">As <c>streamdiff key add</c> told it.</param>
public sealed record Login([property: JsonRequired] string Key);

/// <summary>Who asks.</summary>
/// <param name="Name">Of the key; "local" without one.</param>
/// <param name="Role">admin, operator or viewer.</param>
/// <param name="Sessions">Names of the sessions that it is for; null for all.</param>
public sealed record CallerInfo(string Name, string Role, IReadOnlyList<string>? Sessions = null);

/// <summary>What was wrong, as RFC 9457 has it.</summary>
public sealed record Problem
{
    public string Type { get; init; } = "about:blank";

    /// <summary>The status in words.</summary>
    public required string Title { get; init; }

    public required int Status { get; init; }

    /// <summary>What is wrong and what to do about it, in one line.</summary>
    public required string Detail { get; init; }

    /// <summary>Everything that is wrong, where it is more than one thing or can be told of a field.</summary>
    public IReadOnlyList<FieldProblem>? Problems { get; init; }
}

/// <summary>One thing that is wrong.</summary>
/// <param name="Text">In one line.</param>
/// <param name="Field">The field of the request; null where it is none alone.</param>
public sealed record FieldProblem(string Text, string? Field = null);
