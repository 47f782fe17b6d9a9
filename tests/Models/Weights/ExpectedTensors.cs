using System.Text.Json;
using StreamDiff.Models.Weights;
using TorchSharp;
using static TorchSharp.torch;

namespace StreamDiff.Models.Tests.Weights;

/// <summary>Compares a checkpoint with golden/checkpoints/expected.json.</summary>
internal static class ExpectedTensors
{
    public static JsonElement Of(string file)
    {
        using var document = JsonDocument.Parse(File.ReadAllBytes(Golden.Path("checkpoints", "expected.json")));
        return document.RootElement.GetProperty(file).Clone();
    }

    public static void AssertEqual(JsonElement expected, CheckpointFile actual, Func<string, string>? storedName = null)
    {
        storedName ??= name => name;
        var wanted = expected.EnumerateObject().ToDictionary(t => storedName(t.Name), t => t.Value);
        Assert.Equal(wanted.Keys.Order(StringComparer.Ordinal), actual.Names.Order(StringComparer.Ordinal));
        foreach (var (name, facts) in wanted)
        {
            Assert.Equal(facts.GetProperty("shape").EnumerateArray().Select(d => d.GetInt64()), actual.ShapeOf(name)!);
            Assert.Equal(facts.GetProperty("dtype").GetString(), ElementTypes.Name(actual.TypeOf(name)!.Value));
            using var scope = NewDisposeScope();
            var values = actual.View(name).to(ScalarType.Float64);
            AssertNear(facts, "sum", values.sum().item<double>());
            AssertNear(facts, "abs_sum", values.abs().sum().item<double>());
            AssertNear(facts, "first", values.flatten()[0].item<double>());
        }
    }

    private static void AssertNear(JsonElement facts, string what, double actual)
    {
        var expected = facts.GetProperty(what).GetDouble();
        Assert.True(Math.Abs(actual - expected) <= 1e-9 * (1 + facts.GetProperty("abs_sum").GetDouble()),
            $"{what} is {actual} instead of {expected}");
    }
}
