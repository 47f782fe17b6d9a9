using System.Text.Json;
using System.Text.Json.Serialization;

namespace StreamDiff.Bench.Reports;

/// <summary>What a benchmark found, with everything that it depends on.</summary>
public sealed record BenchmarkReport
{
    /// <summary>Version of this layout; files of another one are refused.</summary>
    public const string CurrentFormat = "streamdiff-bench/1";

    private static readonly JsonSerializerOptions Options = new()
    {
        WriteIndented = true,
        IndentSize = 1,
        PropertyNamingPolicy = JsonNamingPolicy.CamelCase,
        DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull,
        Encoder = System.Text.Encodings.Web.JavaScriptEncoder.UnsafeRelaxedJsonEscaping,
        Converters = { new JsonStringEnumConverter(JsonNamingPolicy.CamelCase), new PointConverter() },
    };

    public string Format { get; init; } = CurrentFormat;

    /// <summary>latency, throughput, sessions, soak, policies or simulator.</summary>
    public required string Benchmark { get; init; }

    /// <summary>The machine.</summary>
    public required IReadOnlyDictionary<string, string> Hardware { get; init; }

    /// <summary>Versions.</summary>
    public required IReadOnlyDictionary<string, string> Software { get; init; }

    /// <summary>What was asked for, and what is in the figures and what is not.</summary>
    public required IReadOnlyDictionary<string, string> Settings { get; init; }

    /// <summary>What else the machine did meanwhile and the like: tells how far to trust the figures, and is not compared.</summary>
    public required IReadOnlyDictionary<string, string> Conditions { get; init; }

    public required IReadOnlyList<BenchmarkCase> Cases { get; init; }

    public string ToJson() => JsonSerializer.Serialize(this, Options) + "\n";

    /// <exception cref="BenchmarkException">The file is not such a report.</exception>
    public static BenchmarkReport Read(string file)
    {
        try
        {
            return Parse(File.ReadAllText(file), file);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new BenchmarkException(e.Message, e);
        }
    }

    /// <summary>As <see cref="Read"/>, from text.</summary>
    /// <param name="json">The report.</param>
    /// <param name="origin">What to call it in messages.</param>
    /// <exception cref="BenchmarkException">The text is not such a report.</exception>
    public static BenchmarkReport Parse(string json, string origin)
    {
        try
        {
            var report = JsonSerializer.Deserialize<BenchmarkReport>(json, Options);
            return report?.Format == CurrentFormat
                ? report
                : throw new BenchmarkException($"{origin} is no benchmark report of this version ({CurrentFormat})");
        }
        catch (JsonException e)
        {
            throw new BenchmarkException($"{origin} is no benchmark report: {e.Message}", e);
        }
    }
}

/// <summary>One combination of what was varied.</summary>
/// <param name="Name">Short, unique in its report: "2 steps, 320x192, 16 fps, bursty".</param>
/// <param name="Figures">Measured numbers.</param>
/// <param name="Series">Curves for plots, by name; thinned out, so that files stay small.</param>
public sealed record BenchmarkCase(string Name, IReadOnlyList<Figure> Figures, IReadOnlyDictionary<string, IReadOnlyList<Point>> Series)
{
    /// <summary>A figure by name; null where this case has none.</summary>
    public Figure? Find(string name) => Figures.FirstOrDefault(f => f.Name == name);
}

/// <summary>A point of a curve.</summary>
public readonly record struct Point(double X, double Y);
