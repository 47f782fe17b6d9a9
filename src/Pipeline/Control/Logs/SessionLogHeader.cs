using System.Globalization;
using StreamDiff.Pipeline.Plan;

namespace StreamDiff.Pipeline.Control.Logs;

/// <summary>
/// What a session began with, defaults resolved. All numbers that decide the output are here; the rest tells where it was made.
/// </summary>
public sealed record SessionLogHeader
{
    public required string Model { get; init; }

    /// <summary>SHA-256 of the weights and the model's description; see <see cref="WeightsIdentity"/>.</summary>
    public required string Weights { get; init; }

    public required string Prompt { get; init; }

    public required int Steps { get; init; }

    public required int Width { get; init; }

    public required int Height { get; init; }

    public required string Fit { get; init; }

    /// <summary>Rate that the source was resampled to; empty where it was not.</summary>
    public required string Fps { get; init; }

    /// <summary>Seconds of the source that were passed over; 0 also in logs of before there was such an option.</summary>
    public double Start { get; init; }

    public required long Seed { get; init; }

    public required string Mode { get; init; }

    public required string Rope { get; init; }

    /// <summary>0 in text-to-video.</summary>
    public required double NoiseScale { get; init; }

    public required int WindowFrames { get; init; }

    public required int SinkFrames { get; init; }

    public required double SinkThreshold { get; init; }

    public required string Vae { get; init; }

    /// <summary>cpu, cuda or cuda:N, as it was resolved.</summary>
    public required string Device { get; init; }

    /// <summary>float32 or bfloat16.</summary>
    public required string Type { get; init; }

    /// <summary>Compute threads: sums may be taken in another order with another number.</summary>
    public required int Threads { get; init; }

    /// <summary>Ranks that shared the transformer, as they were named; empty for one device.</summary>
    public string Ranks { get; init; } = "";

    public required bool IsLive { get; init; }

    /// <summary>The source, without secrets.</summary>
    public required string Input { get; init; }

    /// <summary>libtorch, processor and program: another one may round otherwise.</summary>
    public required string Machine { get; init; }

    /// <summary>The options of a run that repeats the session.</summary>
    /// <param name="input">The same frames, in a file.</param>
    /// <param name="output">The file to write.</param>
    /// <exception cref="ControlException">A value of the log is none that this program knows.</exception>
    public RestyleOptions ToOptions(string input, string output) => new()
    {
        Input = input,
        Output = output,
        Model = Model,
        Prompt = Prompt,
        Steps = Steps,
        Size = (Width, Height),
        Fit = Fit,
        Fps = Fps.Length == 0 ? null : Fps,
        Start = Start > 0 ? Start : null,
        Seed = Seed,
        Mode = Choice<DenoisingMode>(Mode, "mode"),
        Rope = Choice<RopeMode>(Rope, "rope"),
        NoiseScale = Choice<DenoisingMode>(Mode, "mode") == DenoisingMode.TextToVideo ? null : NoiseScale,
        WindowFrames = WindowFrames,
        SinkFrames = SinkFrames,
        SinkThreshold = SinkThreshold,
        Vae = Vae,
        Device = Device,
        Type = Type,
        Threads = Threads,
        Ranks = Ranks.Length == 0 ? null : Ranks,
    };

    internal IEnumerable<(string Key, object Value)> Fields()
    {
        foreach (var property in typeof(SessionLogHeader).GetProperties(
            System.Reflection.BindingFlags.Public | System.Reflection.BindingFlags.Instance))
            yield return (property.Name, property.GetValue(this)!);
    }

    /// <exception cref="FormatException">A field is missing or of another kind.</exception>
    internal static SessionLogHeader From(IReadOnlyDictionary<string, object> fields)
    {
        return new SessionLogHeader
        {
            Model = Text("Model"),
            Weights = Text("Weights"),
            Prompt = Text("Prompt"),
            Steps = Whole("Steps"),
            Width = Whole("Width"),
            Height = Whole("Height"),
            Fit = Text("Fit"),
            Fps = Text("Fps"),
            Start = fields.ContainsKey("Start") ? Number("Start") : 0,
            Seed = Field("Seed") is long seed ? seed : throw Wrong("Seed"),
            Mode = Text("Mode"),
            Rope = Text("Rope"),
            NoiseScale = Number("NoiseScale"),
            WindowFrames = Whole("WindowFrames"),
            SinkFrames = Whole("SinkFrames"),
            SinkThreshold = Number("SinkThreshold"),
            Vae = Text("Vae"),
            Device = Text("Device"),
            Type = Text("Type"),
            Threads = Whole("Threads"),
            Ranks = fields.ContainsKey("Ranks") ? Text("Ranks") : "",
            IsLive = Field("IsLive") is bool live ? live : throw Wrong("IsLive"),
            Input = Text("Input"),
            Machine = Text("Machine"),
        };

        object Field(string key) =>
            fields.TryGetValue(key, out var value) ? value : throw new FormatException($"its beginning has no {key}");
        string Text(string key) => Field(key) as string ?? throw Wrong(key);
        int Whole(string key) => Field(key) is long value and >= 0 and <= int.MaxValue ? (int)value : throw Wrong(key);
        double Number(string key) => Field(key) is double value ? value : throw Wrong(key);
        FormatException Wrong(string key) => new(string.Create(CultureInfo.InvariantCulture, $"{key} cannot be {Field(key)}"));
    }

    private static T Choice<T>(string text, string name)
        where T : struct, Enum =>
        Enum.TryParse<T>(text, out var value) && Enum.IsDefined(value)
            ? value
            : throw new ControlException($"the session log's {name} '{text}' is not known to this program");
}
