using System.CommandLine;
using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Serialization;
using StreamDiff.Pipeline.Telemetry;
using StreamDiff.Transport.Media.Live;

namespace StreamDiff.CommandLine;

/// <summary>
/// A log of objects (<c>--log-format json</c>): every line of standard output and standard error is one JSON object, whoever says it: the
/// command, a mistake in its options, or a library.
/// </summary>
public static class JsonLog
{
    private const string Name = "--log-format";
    private const string Text = "text";
    private const string Json = "json";

    // A line that is said, not a figure.
    private const string EventKind = "event";

    private static readonly JsonSerializerOptions Format = new()
    {
        PropertyNamingPolicy = JsonNamingPolicy.CamelCase,
        // A log is no web page: letters stay letters.
        Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping,
        Converters = { new OpenStrings() },
    };

    /// <summary>True from <see cref="Begin"/> on.</summary>
    public static bool IsOn { get; private set; }

    /// <summary>The option by which it is asked for.</summary>
    public static Option<string?> Option() => new(Name)
    {
        HelpName = "FORMAT",
        Description = "How it reports: text, or json: every line is one object. Default: text.",
    };

    /// <summary>What is wrong with the option's value; null where nothing is.</summary>
    public static string? Problem(string? format) =>
        format is null or Text or Json ? null : $"log-format must be {Text} or {Json}, not {format}";

    /// <summary>
    /// True where a command line asks for it, whatever else is wrong with it: that is told in objects then.
    /// </summary>
    public static bool IsAskedFor(IReadOnlyList<string> args)
    {
        for (var i = 0; i < args.Count; i++)
            if (args[i] is $"{Name}={Json}" or $"{Name}:{Json}" || (args[i] == Name && i + 1 < args.Count && args[i + 1] == Json))
                return true;
        return false;
    }

    /// <summary>From here on every line is an object.</summary>
    public static void Begin()
    {
        IsOn = true;
        StandardStreams.MakeObjects(
            line => Said("info", "program", "said", line), line => Said("warning", "library", "said", line),
            (count, reason) => Said("warning", "log", "dropped", $"{count} lines were dropped: {reason}"));
    }

    /// <summary>Writes an object as a line to standard error, or, a result, to standard output.</summary>
    public static void Write(object value, bool isResult = false) =>
        StandardStreams.PutObject(!isResult, JsonSerializer.Serialize(value, Format));

    /// <summary>Writes a change of state.</summary>
    public static void Write(LiveEvent news) => Write(new
    {
        kind = EventKind,
        seconds = Math.Round(news.At.TotalSeconds, 3),
        level = news.IsTrouble ? "warning" : "info",
        session = news.Session,
        part = news.Part,
        state = news.State,
        text = news.Text,
    });

    /// <summary>Writes a line of the program.</summary>
    internal static void Write(string level, string state, string text) =>
        StandardStreams.PutObject(isError: true, Said(level, "program", state, text));

    private static string Said(string level, string part, string state, string text) =>
        JsonSerializer.Serialize(new { kind = EventKind, level, part, state, text }, Format);

    /// <summary>Strings without the secrets of addresses in them: once they are JSON, quotes and backslashes are in the way.</summary>
    private sealed class OpenStrings : JsonConverter<string>
    {
        public override string? Read(ref Utf8JsonReader reader, Type typeToConvert, JsonSerializerOptions options) => reader.GetString();

        public override void Write(Utf8JsonWriter writer, string value, JsonSerializerOptions options) =>
            writer.WriteStringValue(AddressSecrets.Hide(value));

        public override void WriteAsPropertyName(Utf8JsonWriter writer, string value, JsonSerializerOptions options) =>
            writer.WritePropertyName(value);
    }
}
