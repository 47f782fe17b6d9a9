using System.Text.Json;
using StreamDiff.Models;
using StreamDiff.Models.Diffusion;
using StreamDiff.Pipeline.Verification.Published;
using static TorchSharp.torch;

namespace StreamDiff.Pipeline.Verification;

/// <summary>The draws that a golden case recorded, in their order.</summary>
internal sealed class RecordedNoise(GoldenCase golden) : INoiseSource
{
    private int _next;
    private int _end = int.MaxValue;

    /// <summary>
    /// For what is drawn after the recording's end and cannot reach the result: noise that pushes the last chunks out of the batch.
    /// </summary>
    public bool ZerosAfterTheLast { get; init; }

    /// <summary>
    /// The half-open range of draws that the coming call may take; where the case names none, it takes those that follow.
    /// </summary>
    public void Expect(JsonElement facts, string name) =>
        (_next, _end) = facts.TryGetProperty(name, out var range) && range.ValueKind == JsonValueKind.Array
            ? (range[0].GetInt32(), range[1].GetInt32())
            : (_next, int.MaxValue);

    public Tensor Draw(ReadOnlySpan<long> shape)
    {
        if (ZerosAfterTheLast && !golden.Has($"draw_{_next:d3}"))
            return zeros(shape.ToArray(), device: Device);
        if (_next >= _end)
            throw new ModelException($"more noise was drawn than the case recorded ({_end})");
        using var draw = golden.Tensor($"draw_{_next++:d3}");
        using var near = draw.to(Device);
        return near.reshape(shape.ToArray());
    }

    private Device Device => golden.Device;

    public void Dispose()
    {
    }
}

/// <summary>The same draws by chunk and step, as products ask for them.</summary>
/// <param name="golden">The case.</param>
/// <param name="device">Where they are wanted.</param>
/// <param name="index">Number of the draw for a chunk and a step, as <see cref="IKeyedNoise.Draw"/> has them.</param>
internal sealed class KeyedRecordedNoise(GoldenCase golden, Device device, Func<long, int, long> index) : IKeyedNoise
{
    /// <summary>See <see cref="RecordedNoise.ZerosAfterTheLast"/>.</summary>
    public bool ZerosAfterTheLast { get; init; }

    public Tensor Draw(long seed, long chunk, int step, ReadOnlySpan<long> shape)
    {
        var name = $"draw_{index(chunk, step):d3}";
        if (ZerosAfterTheLast && !golden.Has(name))
            return zeros(shape.ToArray(), device: device);
        if (!golden.Has(name))
            throw new ModelException($"the case recorded no noise for step {step} of chunk {chunk}");
        using var draw = golden.Tensor(name);
        using var near = draw.to(device);
        return near.reshape(shape.ToArray());
    }
}
