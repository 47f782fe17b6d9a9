using System.Runtime.CompilerServices;
using StreamDiff.Models.Native;

namespace StreamDiff.Pipeline.Tests;

internal static class LibTorchInitializer
{
    // Before any type of TorchSharp is looked at.
    [ModuleInitializer]
    internal static void Load()
    {
        LibTorch.Load();
        OneThread();
    }

    // At the sizes of tests threads wait for each other longer than they compute, and other tests run beside.
    [MethodImpl(MethodImplOptions.NoInlining)]
    private static void OneThread() => TorchSharp.torch.set_num_threads(1);
}
