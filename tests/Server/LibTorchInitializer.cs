using System.Runtime.CompilerServices;
using StreamDiff.Models.Native;

namespace StreamDiff.Server.Tests;

internal static class LibTorchInitializer
{
    // Before any type of TorchSharp is looked at.
    [ModuleInitializer]
    internal static void Load() => LibTorch.Load();
}
