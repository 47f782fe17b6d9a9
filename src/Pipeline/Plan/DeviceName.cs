using System.Diagnostics.CodeAnalysis;
using System.Text.RegularExpressions;

namespace StreamDiff.Pipeline.Plan;

/// <summary>A device as users name it: auto, cpu, cuda or cuda:N.</summary>
public sealed partial record DeviceName
{
    private DeviceName(string text) => Text = text;

    /// <summary>CUDA where there is one.</summary>
    public static DeviceName Auto { get; } = new("auto");

    public static DeviceName Cpu { get; } = new("cpu");

    public string Text { get; }

    /// <exception cref="FormatException">The text names none.</exception>
    public static DeviceName Parse(string text) =>
        Find(text) ?? throw new FormatException($"device must be auto, cpu, cuda or cuda:N, not {text}");

    /// <summary>Null where the text names none.</summary>
    public static DeviceName? Find(string text) => Name().IsMatch(text) ? new DeviceName(text) : null;

    public override string ToString() => Text;

    [GeneratedRegex(@"^(auto|cpu|cuda(:\d{1,3})?)\z")]
    private static partial Regex Name();
}

/// <summary>The type in which a run computes.</summary>
[SuppressMessage("Naming", "CA1720:Identifier contains type name", Justification = "types are what it names")]
public enum ComputeType
{
    /// <summary>bfloat16 on CUDA and on processors that multiply it themselves (AVX512_BF16, AMX), float32 on others.</summary>
    Auto,

    Float32,

    Bfloat16,
}

/// <summary>How exactly the transformer's products are computed.</summary>
public enum ComputePrecision
{
    /// <summary>In the type of the run.</summary>
    Auto,

    /// <summary>In float8 (see <see cref="Models.Wan.Layers.WanConfig.Float8"/>), on CUDA devices that multiply it.</summary>
    Fp8,
}

/// <summary>Where the autoencoder runs beside ranks.</summary>
public sealed record VaeDevices(DeviceName Encoder, DeviceName Decoder)
{
    /// <summary>One device, or the encoder's and the decoder's with a comma between; null where the text is neither.</summary>
    public static VaeDevices? Find(string text) =>
        text.Split(',').Select(DeviceName.Find).ToArray() is [{ } first, .. var rest] && first != DeviceName.Auto
            && (rest is [] ? first : rest is [{ } second] && second != DeviceName.Auto ? second : null) is { } last
            ? new VaeDevices(first, last)
            : null;

    public override string ToString() => Encoder == Decoder ? $"{Encoder}" : $"{Encoder},{Decoder}";
}
