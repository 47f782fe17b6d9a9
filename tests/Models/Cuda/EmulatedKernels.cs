using System.Diagnostics;
using System.Runtime.InteropServices;
using System.Text;
using StreamDiff.Models.Cuda;
using StreamDiff.Models.Native;
using static TorchSharp.torch;

namespace StreamDiff.Models.Tests.Cuda;

/// <summary>
/// Kernels that run on the CPU by <c>emulation.hpp</c>: the source that GPUs get, compiled by g++. A recording is what was to be done, done
/// again: it is right only if all that changes between ticks lies in memory.
/// </summary>
internal sealed unsafe class EmulatedKernels : IKernels
{
    private static readonly Lock Gate = new();
    private static readonly Dictionary<string, nint> Libraries = [];

    private readonly delegate* unmanaged<byte*, int, int, int, int, void**, int> _launch;

    public EmulatedKernels(string source, IReadOnlyList<string> macros, IReadOnlyList<string> kernels)
    {
        lock (Gate)
        {
            var key = $"{source}\n{string.Join(' ', macros)}";
            if (!Libraries.TryGetValue(key, out var library))
                Libraries[key] = library = Compile(source, macros, kernels);
            _launch = (delegate* unmanaged<byte*, int, int, int, int, void**, int>)NativeLibrary.GetExport(library, "launch_kernel");
        }
    }

    /// <summary>Few: each of them is a fiber. As many as a chunk of sinks has channels.</summary>
    public const int ThreadsOfBlock = 64;

    public int MostThreads => ThreadsOfBlock;

    /// <summary>None unless set.</summary>
    public AttentionPieces? Pieces { get; init; }

    public string? WhyNotRecorded => null;

    public int Launches { get; private set; }

    /// <summary>Names of what was launched.</summary>
    public HashSet<string> Launched { get; } = [];

    public void Launch(string kernel, (int X, int Y, int Z) blocks, int threads, ReadOnlySpan<ulong> arguments)
    {
        var addresses = stackalloc void*[arguments.Length];
        // The emulation has one set of fibers.
        lock (Gate)
            fixed (ulong* first = arguments)
            fixed (byte* name = Encoding.UTF8.GetBytes(kernel + '\0'))
            {
                for (var i = 0; i < arguments.Length; i++)
                    addresses[i] = first + i;
                Assert.Equal(0, _launch(name, blocks.X, blocks.Y, blocks.Z, threads, addresses));
            }
        Launches++;
        Launched.Add(kernel);
    }

    public IHostMemory Allocate(int bytes) => new Memory(bytes);

    public void Upload(IHostMemory from, Tensor to) =>
        Buffer.MemoryCopy((void*)from.Address, (void*)TensorMemory.Address(to), to.numel() * to.element_size(), from.Bytes);

    public void Download(Tensor from, IHostMemory to) =>
        Buffer.MemoryCopy((void*)TensorMemory.Address(from), (void*)to.Address, to.Bytes, to.Bytes);

    public IRecording Record(Action issue) => new Repetition(issue);

    public void Apart(Action work) => work();

    public void Dispose()
    {
    }

    private static nint Compile(string source, IReadOnlyList<string> macros, IReadOnlyList<string> kernels)
    {
        var folder = Directory.CreateTempSubdirectory("streamdiff-kernels-");
        try
        {
            var text = new StringBuilder().AppendLine(File.ReadAllText(Path.Combine(AppContext.BaseDirectory, "Cuda", "emulation.hpp")))
                .AppendLine(source)
                .AppendLine("extern \"C\" int launch_kernel(const char* name, int x, int y, int z, int threads, void** arguments) {");
            foreach (var kernel in kernels)
                text.AppendLine($"if (!strcmp(name, \"{kernel}\")) {{ emulation::launch({kernel}, "
                    + "{(unsigned)x, (unsigned)y, (unsigned)z}, threads, arguments); return 0; }");
            text.AppendLine("return 1; }");
            var file = Path.Combine(folder.FullName, "kernels.cpp");
            var library = Path.Combine(folder.FullName, "kernels.so");
            File.WriteAllText(file, text.ToString());
            var start = new ProcessStartInfo("g++") { RedirectStandardError = true };
            string[] options = ["-std=c++17", "-O1", "-w", "-shared", "-fPIC", .. macros.Select(m => $"-D{m}")];
            foreach (var argument in (string[])[.. options, file, "-o", library])
                start.ArgumentList.Add(argument);
            using var compiler = Process.Start(start)!;
            var said = compiler.StandardError.ReadToEnd();
            compiler.WaitForExit();
            Assert.True(compiler.ExitCode == 0, said);
            return NativeLibrary.Load(library);
        }
        finally
        {
            folder.Delete(recursive: true);
        }
    }

    private sealed class Memory(int bytes) : IHostMemory
    {
        public nint Address { get; } = (nint)NativeMemory.AllocZeroed((nuint)bytes);

        public int Bytes => bytes;

        public void Wait()
        {
        }

        public void Dispose() => NativeMemory.Free((void*)Address);
    }

    private sealed class Repetition(Action issue) : IRecording
    {
        public long Bytes => 1;

        public void Replay() => issue();

        public void Dispose()
        {
        }
    }
}
