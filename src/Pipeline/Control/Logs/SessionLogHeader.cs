using System.Globalization;

namespace StreamDiff.Pipeline.Control.Logs;

/// <summary>What a session began with, defaults resolved. All numbers that decide the output are here; the rest tells where it was made.</summary>
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

    /// <summary>
    /// How chunks and ticks followed each other, which a replay repeats: "chunk" means one tick per chunk, of all rows whose step before was in an earlier tick; "chunk/N" of those
    /// whose step before was issued at least N ticks before.
    /// </summary>
    public required string Ticks { get; init; }

    public required bool IsLive { get; init; }

    /// <summary>The source, without secrets.</summary>
    public required string Input { get; init; }

    /// <summary>libtorch, processor and program: another one may round otherwise.</summary>
    public required string Machine { get; init; }

    /// <summary><see cref="Ticks"/> for so many ticks between two steps of a chunk.</summary>
    internal static string TicksOf(int lag) => lag == 1 ? "chunk" : string.Create(CultureInfo.InvariantCulture, $"chunk/{lag}");

    /// <summary>Ticks between two steps of a chunk.</summary>
    /// <exception cref="ControlException">The log names another order of ticks.</exception>
    internal int TickLag => Ticks == "chunk" ? 1
        : Ticks.StartsWith("chunk/", StringComparison.Ordinal) && int.TryParse(Ticks.AsSpan(6), NumberStyles.None, CultureInfo.InvariantCulture, out var lag) && lag is > 1 and <= 1024 ? lag
        : throw new ControlException($"the session log's order of ticks '{Ticks}' is not known to this program");

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
        foreach (var property in typeof(SessionLogHeader).GetProperties(System.Reflection.BindingFlags.Public | System.Reflection.BindingFlags.Instance))
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
            Ticks = Text("Ticks"),
            IsLive = Field("IsLive") is bool live ? live : throw Wrong("IsLive"),
            Input = Text("Input"),
            Machine = Text("Machine"),
        };

        object Field(string key) => fields.TryGetValue(key, out var value) ? value : throw new FormatException($"its beginning has no {key}");
        string Text(string key) => Field(key) as string ?? throw Wrong(key);
        int Whole(string key) => Field(key) is long value and >= 0 and <= int.MaxValue ? (int)value : throw Wrong(key);
        double Number(string key) => Field(key) is double value ? value : throw Wrong(key);
        FormatException Wrong(string key) => new(string.Create(CultureInfo.InvariantCulture, $"{key} cannot be {Field(key)}"));
    }

    private static T Choice<T>(string text, string name)
        where T : struct, Enum =>
        Enum.TryParse<T>(text, out var value) && Enum.IsDefined(value) ? value : throw new ControlException($"the session log's {name} '{text}' is not known to this program");
}
