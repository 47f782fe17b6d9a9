using static TorchSharp.torch;

namespace StreamDiff.Models.Weights;

/// <summary>Types that checkpoints hold, and what they are called there.</summary>
internal static class ElementTypes
{
    /// <summary>8-bit float with 5 exponent bits. TorchSharp passes the number on to libtorch without having a name for it.</summary>
    public const ScalarType Float8E5M2 = (ScalarType)23;

    /// <summary>8-bit float with 4 exponent bits and no infinities, torch's float8_e4m3fn.</summary>
    public const ScalarType Float8E4M3 = (ScalarType)24;

    private static readonly (ScalarType Type, int Size, string Safetensors, string Torch, string? Storage)[] All =
    [
        (ScalarType.Float64, 8, "F64", "float64", "DoubleStorage"),
        (ScalarType.Float32, 4, "F32", "float32", "FloatStorage"),
        (ScalarType.Float16, 2, "F16", "float16", "HalfStorage"),
        (ScalarType.BFloat16, 2, "BF16", "bfloat16", "BFloat16Storage"),
        (ScalarType.Int64, 8, "I64", "int64", "LongStorage"),
        (ScalarType.Int32, 4, "I32", "int32", "IntStorage"),
        (ScalarType.Int16, 2, "I16", "int16", "ShortStorage"),
        (ScalarType.Int8, 1, "I8", "int8", "CharStorage"),
        (ScalarType.Byte, 1, "U8", "uint8", "ByteStorage"),
        (ScalarType.Bool, 1, "BOOL", "bool", "BoolStorage"),
        (Float8E4M3, 1, "F8_E4M3", "float8_e4m3fn", null),
        (Float8E5M2, 1, "F8_E5M2", "float8_e5m2", null),
    ];

    /// <summary>False for types that no checkpoint holds, such as complex ones.</summary>
    public static bool IsKnown(ScalarType type) => Array.Exists(All, t => t.Type == type);

    /// <summary>True for numbers that are no integers.</summary>
    public static bool IsFloat(ScalarType type) =>
        type is ScalarType.Float64 or ScalarType.Float32 or ScalarType.Float16 or ScalarType.BFloat16 or Float8E4M3 or Float8E5M2;

    /// <summary>Bytes of one element.</summary>
    public static int Size(ScalarType type) => Of(type).Size;

    /// <summary>A name such as bfloat16.</summary>
    public static string Name(ScalarType type) => Of(type).Torch;

    /// <summary>A name such as BF16.</summary>
    public static string SafetensorsName(ScalarType type) => Of(type).Safetensors;

    /// <summary>The type of a safetensors dtype, or null.</summary>
    public static ScalarType? FromSafetensors(string? name) => Find(t => t.Safetensors == name);

    /// <summary>The type of a torch dtype such as <c>bfloat16</c>, or null.</summary>
    public static ScalarType? FromTorch(string name) => Find(t => t.Torch == name);

    /// <summary>The type of a torch storage class such as <c>BFloat16Storage</c>, or null.</summary>
    public static ScalarType? FromStorage(string name) => Find(t => t.Storage == name);

    private static (ScalarType Type, int Size, string Safetensors, string Torch, string? Storage) Of(ScalarType type)
    {
        foreach (var entry in All)
            if (entry.Type == type)
                return entry;
        throw new ArgumentOutOfRangeException(nameof(type), type, "no checkpoint holds this type");
    }

    private static ScalarType? Find(Func<(ScalarType Type, int Size, string Safetensors, string Torch, string? Storage), bool> matches)
    {
        foreach (var entry in All)
            if (matches(entry))
                return entry.Type;
        return null;
    }
}
