using System.Runtime.Intrinsics.X86;

namespace StreamDiff.Models.Native;

/// <summary>What the processor can do that .NET does not tell.</summary>
public static class Processor
{
    /// <summary>Leaf of features that are told by number (Intel SDM volume 2A, CPUID; AMD APM volume 3, appendix E).</summary>
    private const int ExtendedFeatures = 7;

    /// <summary>
    /// The processor multiplies bfloat16 itself (AVX512_BF16 or AMX-BF16), so that convolutions and products are faster than in float32.
    /// Elsewhere oneDNN emulates it and is slower.
    /// </summary>
    public static bool MultipliesBFloat16 { get; } = Detect();

    private static bool Detect()
    {
        if (!X86Base.IsSupported || X86Base.CpuId(0, 0).Eax < ExtendedFeatures)
            return false;
        var (lastSubleaf, _, _, amx) = X86Base.CpuId(ExtendedFeatures, 0);
        return Avx512F.IsSupported && (IsSet(amx, 22) || (lastSubleaf >= 1 && IsSet(X86Base.CpuId(ExtendedFeatures, 1).Eax, 5)));
    }

    private static bool IsSet(int register, int bit) => (register & (1 << bit)) != 0;
}
