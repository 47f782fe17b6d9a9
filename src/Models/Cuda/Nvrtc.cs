using System.Runtime.InteropServices;
using System.Text;
using StreamDiff.Models.Native;

namespace StreamDiff.Models.Cuda;

/// <summary>
/// NVIDIA's run-time compiler (libnvrtc), which comes with libtorch for CUDA. Found beside libtorch, in the folders of pip's
/// <c>nvidia-*</c> packages, or where the system's loader looks. Source: NVRTC documentation.
/// </summary>
internal static unsafe class Nvrtc
{
    private static readonly Lock Gate = new();
    private static nint _library;

    /// <summary>Compiles CUDA C++ for one kind of device.</summary>
    /// <param name="source">CUDA C++.</param>
    /// <param name="options">Such as <c>--gpu-architecture=sm_90</c>.</param>
    /// <returns>A cubin.</returns>
    /// <exception cref="CudaException">There is no compiler, or it refused the source.</exception>
    public static byte[] Compile(string source, IReadOnlyList<string> options)
    {
        var library = Load();
        nint program;
        fixed (byte* text = Encoding.UTF8.GetBytes(source + '\0'))
            Check(((delegate* unmanaged<nint*, byte*, byte*, int, byte**, byte**, int>)Export("nvrtcCreateProgram"))(
                &program, text, null, 0, null, null), "nvrtcCreateProgram");
        try
        {
            var arguments = options.Select(Marshal.StringToCoTaskMemUTF8).ToArray();
            int code;
            fixed (nint* first = arguments)
                code = ((delegate* unmanaged<nint, int, nint*, int>)Export("nvrtcCompileProgram"))(program, arguments.Length, first);
            foreach (var argument in arguments)
                Marshal.FreeCoTaskMem(argument);
            if (code != 0)
                throw new CudaException($"the kernels do not compile (NVRTC error {code}): {Log(program)}");
            nuint size;
            Check(((delegate* unmanaged<nint, nuint*, int>)Export("nvrtcGetCUBINSize"))(program, &size), "nvrtcGetCUBINSize");
            var image = new byte[size];
            fixed (byte* first = image)
                Check(((delegate* unmanaged<nint, byte*, int>)Export("nvrtcGetCUBIN"))(program, first), "nvrtcGetCUBIN");
            return image;
        }
        finally
        {
            ((delegate* unmanaged<nint*, int>)Export("nvrtcDestroyProgram"))(&program);
        }

        nint Export(string name) => NativeLibrary.GetExport(library, name);
    }

    private static string Log(nint program)
    {
        nuint size;
        if (((delegate* unmanaged<nint, nuint*, int>)NativeLibrary.GetExport(_library, "nvrtcGetProgramLogSize"))(program, &size) != 0)
            return "no log";
        var log = new byte[size];
        fixed (byte* first = log)
            ((delegate* unmanaged<nint, byte*, int>)NativeLibrary.GetExport(_library, "nvrtcGetProgramLog"))(program, first);
        return Encoding.UTF8.GetString(log).TrimEnd('\0', '\n').ReplaceLineEndings(" | ");
    }

    private static nint Load()
    {
        lock (Gate)
        {
            if (_library != 0)
                return _library;
            foreach (var path in Candidates(LibTorch.Load().Folder))
                if (NativeLibrary.TryLoad(path, out _library))
                    return _library;
            throw new CudaException("libnvrtc, the run-time compiler of CUDA, was found neither beside libtorch nor by the system");
        }
    }

    private static IEnumerable<string> Candidates(string libTorch)
    {
        // torch/lib -> site-packages/nvidia/cu13/lib, or nvidia/cuda_nvrtc/lib
        foreach (var folder in (string[])[libTorch, Path.Combine(libTorch, "..", "..", "nvidia")])
            if (Directory.Exists(folder))
                foreach (var file in Directory.EnumerateFiles(folder, "libnvrtc*.so*", SearchOption.AllDirectories).Order())
                    if (!Path.GetFileName(file).Contains("builtins", StringComparison.Ordinal))
                        yield return file;
        foreach (var version in (string[])["13", "12", "11.2"])
            yield return $"libnvrtc.so.{version}";
    }

    private static void Check(int code, string what)
    {
        if (code != 0)
            throw new CudaException($"NVRTC failed in {what} ({code})");
    }
}
