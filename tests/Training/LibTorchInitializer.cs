using System.Runtime.CompilerServices;
using StreamDiff.Models.Native;

namespace StreamDiff.Training.Tests;

internal static class LibTorchInitializer
{
    // Test classes touch TorchSharp in their static parts: libtorch has to be in before any of them is looked at.
    [ModuleInitializer]
    internal static void Load() => LibTorch.Load();
}
