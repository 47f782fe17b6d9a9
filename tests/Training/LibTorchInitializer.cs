using System.Runtime.CompilerServices;
using StreamDiff.Models.Native;

namespace StreamDiff.Training.Tests;

internal static class LibTorchInitializer
{
    // Test classes touch TorchSharp in their static parts: libtorch has to be in before any of them is looked at.
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
