using System.Text.Json;
using System.Text.Json.Serialization;

namespace StreamDiff.Client;

/// <summary>A session to begin: the options of <c>streamdiff run</c> in camelCase. What is null has the default of the studio.</summary>
public sealed record NewSession
{
    /// <summary>
    /// Letters, digits, dots, hyphens and underscores; 64 at most. The same description
    /// under the same name begins nothing new.
    /// </summary>
    public required string Name { get; init; }

    /// <summary>
    /// A file, an address or <c>test:camera</c>, as on the command line; or <c>browser</c>, for frames that a page publishes.
    /// <c>{publishKey}</c> in it stands for the session's publish key.
    /// </summary>
    public required string Input { get; init; }

    /// <summary>
    /// As <c>--output</c>, several at once. Default: none but viewers and recordings.
    /// <c>{playKey}</c> stands for the play key.
    /// </summary>
    public IReadOnlyList<string>? Outputs { get; init; }

    /// <summary>The studio's model, which is the default, or <c>passthrough</c>: frames as they are.</summary>
    public string? Model { get; init; }

    public string? Prompt { get; init; }

    /// <summary>Denoising steps, 1 to 4.</summary>
    public int? Steps { get; init; }

    /// <summary>Width and height in pixels, such as <c>832x480</c>.</summary>
    public string? Size { get; init; }

    /// <summary>crop, letterbox or stretch.</summary>
    public string? Fit { get; init; }

    /// <summary>Frames a second of the outputs, such as 30 or 30000/1001.</summary>
    public string? Fps { get; init; }

    /// <summary>Milliseconds from a frame's capture to its hand-over.</summary>
    public double? DeadlineMs { get; init; }

    /// <summary>Milliseconds to the first restyled frame.</summary>
    public double? FirstFrameMs { get; init; }

    /// <summary>1 to 100: its share where the device is short of time.</summary>
    public int? Weight { get; init; }

    /// <summary>What is given up under load, in this order.</summary>
    public IReadOnlyList<string>? Ladder { get; init; }

    public long? Seed { get; init; }

    /// <summary>Largest share of noise, 0.1 to 1.</summary>
    public double? NoiseScale { get; init; }

    /// <summary>False leaves the sound out.</summary>
    public bool? Audio { get; init; }

    /// <summary>Stop after so many seconds.</summary>
    public double? Duration { get; init; }

    /// <summary>True waits for ever for a source that is not there yet.</summary>
    public bool? WaitForSource { get; init; }

    /// <summary>What is shown while the source is gone: last or slate.</summary>
    public string? Fallback { get; init; }

    /// <summary>Kilobits a second of each output.</summary>
    public int? Bitrate { get; init; }

    /// <summary>True keeps a session log, which can be downloaded and replayed.</summary>
    public bool? Log { get; init; }

    /// <summary>Any other option of the command line, in camelCase.</summary>
    [JsonExtensionData]
    public IDictionary<string, JsonElement>? More { get; init; }
}
