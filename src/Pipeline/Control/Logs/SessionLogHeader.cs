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

    /// <summary>How exactly products were computed: fp8; empty for the type itself.</summary>
    public string Precision { get; init; } = "";

    /// <summary>File that says which attention heads look back on the whole window; empty for all.</summary>
    public string Heads { get; init; } = "";

    /// <summary>Compute threads: sums may be taken in another order with another number.</summary>
    public required int Threads { get; init; }

    /// <summary>Ranks that shared the transformer, as they were named; empty for one device.</summary>
    public string Ranks { get; init; } = "";

    /// <summary>LoRAs and the strengths that they begin with, FILE:STRENGTH, a line each; empty for none.</summary>
    public string Loras { get; init; } = "";

    /// <summary>True where their strengths can change.</summary>
    public bool LoraLive { get; init; }

    /// <summary>True where what was keyed out is transparent.</summary>
    public bool Alpha { get; init; }

    public required bool IsLive { get; init; }

    /// <summary>The source, without secrets.</summary>
    public required string Input { get; init; }

    /// <summary>libtorch, processor and program: another one may round otherwise.</summary>
    public required string Machine { get; init; }

    /// <summary>The options of a run that repeats the session.</summary>
    /// <param name="input">The same frames, in a file.</param>
    /// <param name="outputs">The files to write.</param>
    /// <param name="keepsRanks">False leaves its ranks out. Default true.</param>
    /// <exception cref="ControlException">A value of the log is none that this program knows.</exception>
    public RestyleOptions ToOptions(string input, IEnumerable<string> outputs, bool keepsRanks = true)
    {
        var given = new GivenOptions(OptionUse.Run);
        void Give(string name, object value) => given.Give(name, [OptionText.Word(value)]);
        Give("model", Model);
        Give("prompt", Prompt);
        Give("steps", Steps);
        Give("size", $"{Width}x{Height}");
        Give("fit", Fit);
        Give("seed", Seed);
        Give("mode", Choice<DenoisingMode>(Mode, "mode"));
        Give("rope", Choice<RopeMode>(Rope, "rope"));
        Give("window", WindowFrames);
        Give("sinks", SinkFrames);
        Give("vae", Vae);
        Give("device", Device);
        Give("dtype", Type);
        if (Precision.Length > 0)
            Give("precision", Precision);
        if (Heads.Length > 0)
            Give("heads", Heads);
        Give("threads", Threads);
        if (Fps.Length > 0)
            Give("fps", Fps);
        if (Loras.Length > 0)
            given.Give("lora", Loras.Split('\n'));
        if (LoraLive)
            Give("lora-live", "true");
        if (Alpha)
            Give("alpha", "true");
        if (keepsRanks && Ranks.Length > 0)
            Give("ranks", Ranks);
        if (given.Problems is [var problem, ..])
            throw new ControlException($"the session log's {problem.Text}");
        var options = given.Read(RestyleOptions.Of(input, outputs));
        // As they are in the log, to the last bit.
        return options with
        {
            Input = options.Input with { Start = Start > 0 ? TimeSpan.FromSeconds(Start) : null },
            Sampling = options.Sampling with
            {
                NoiseScale = options.Sampling.Mode == DenoisingMode.TextToVideo ? null : NoiseScale,
                SinkThreshold = SinkThreshold,
            },
        };
    }

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
            Loras = fields.ContainsKey("Loras") ? Text("Loras") : "",
            Precision = fields.ContainsKey("Precision") ? Text("Precision") : "",
            Heads = fields.ContainsKey("Heads") ? Text("Heads") : "",
            LoraLive = fields.ContainsKey("LoraLive") && (Field("LoraLive") is bool kept ? kept : throw Wrong("LoraLive")),
            Alpha = fields.ContainsKey("Alpha") && (Field("Alpha") is bool cut ? cut : throw Wrong("Alpha")),
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
