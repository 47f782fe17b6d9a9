using System.Runtime.InteropServices;
using StreamDiff.Models;
using StreamDiff.Models.Registry;
using StreamDiff.Pipeline.Loading;
using StreamDiff.Pipeline.Plan;
using StreamDiff.Pipeline.Stream;
using static TorchSharp.torch;

namespace StreamDiff.Pipeline.Tests.Host;

public sealed class MemoryNeedTests
{
    // As libtorch says it, deep inside a run.
    private static readonly Exception Exhausted = new PipelineException(
        "decode", 7, new NativeException("CUDA out of memory. Tried to allocate 2.00 GiB.\nframe #0: ..."));

    private static readonly Model Large = new ModelCatalog().Find("wan2.1-t2v-1.3b-streamdiffusionv2");

    [Fact]
    public void Explained_MemoryExhausted_SaysWhatWouldFit()
    {
        var need = new MemoryNeed(Large, "wan", (832, 480), 4);
        var target = new ComputeTarget(CPU, ScalarType.BFloat16);
        var error = Assert.IsType<ModelException>(need.Explained(Exhausted, target, total: 8e9));
        Assert.Matches(
            @"^out of memory on cpu, which has 8.0 GB: wan2.1-t2v-1.3b-streamdiffusionv2 at 832x480 with wan and 4 steps "
            + @"\(about [0-9.]+ GB\) does not fit beside what else is there; what would: "
            + @"wan2.1-t2v-1.3b-streamdiffusionv2 at \S+ with \w+ and \d steps? \(about [0-9.]+ GB\), or ", error.Message);
        // A card that is too small for its weights.
        Assert.EndsWith("what would: the model tiny", need.Explained(Exhausted, target, total: 2e9).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Explained_AnythingElse_StaysAsItIs()
    {
        var error = new PipelineException("decode", 7, new NativeException("CUDA error: an illegal memory access was encountered"));
        Assert.Same(error, new MemoryNeed(Large, "wan", (832, 480), 4).Explained(error, new ComputeTarget(CPU, ScalarType.BFloat16)));
    }

    // Published figures for these sizes: 2.8 GB of weights in bfloat16.
    [Fact]
    public void Bytes_GrowWithEverythingThatCosts()
    {
        var least = new MemoryNeed(Large, "taehv", (416, 240), 1).Bytes(2);
        Assert.InRange(least, 2.7e9, 4e9);
        foreach (var more in (MemoryNeed[])
        [
            new(Large, "wan", (416, 240), 1), new(Large, "taehv", (832, 480), 1), new(Large, "taehv", (416, 240), 4),
        ])
            Assert.True(more.Bytes(2) > least);
        Assert.True(new MemoryNeed(Large, "taehv", (416, 240), 1).Bytes(4) > 1.9 * least);
    }

    // TorchSharp passes on what libtorch says in one of this kind.
    private sealed class NativeException(string message) : ExternalException(message);
}
