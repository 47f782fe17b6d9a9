using System.Text.Json;
using System.Text.Json.Serialization;

namespace StreamDiff.Bench.Reports;

/// <summary>Points as [x, y] on one line: curves are most of a report.</summary>
internal sealed class PointConverter : JsonConverter<IReadOnlyList<Point>>
{
    public override IReadOnlyList<Point> Read(ref Utf8JsonReader reader, Type typeToConvert, JsonSerializerOptions options) =>
        [.. (JsonSerializer.Deserialize<double[][]>(ref reader) ?? [])
            .Select(p => p.Length == 2 ? new Point(p[0], p[1]) : throw new JsonException("a point has two numbers"))];

    public override void Write(Utf8JsonWriter writer, IReadOnlyList<Point> value, JsonSerializerOptions options) =>
        writer.WriteRawValue("[" + string.Join(",", value.Select(p => FormattableString.Invariant($"[{p.X:G5},{p.Y:G5}]"))) + "]");
}
