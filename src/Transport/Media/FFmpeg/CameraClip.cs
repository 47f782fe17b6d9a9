using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

namespace StreamDiff.Transport.Media.FFmpeg;

/// <summary>
/// The clip of <c>test:camera</c>: a cat, a cup and a rocket before a moving camera, made by <c>scripts/camera-clip</c> of photographs that
/// are free of rights (CC0). FFmpeg finds it as a file that is nowhere but in memory.
/// </summary>
internal static partial class CameraClip
{
    /// <summary>Frames a second of the clip.</summary>
    public const int Rate = 25;

    private const string Resource = "camera.mp4";

    // linux/memfd.h
    private const uint CloseOnExec = 1;

    // Kept for as long as the process is there: whoever reads it opens it anew.
    private static readonly Lazy<SafeFileHandle> Memory = new(Load);

    /// <summary>Where it is read.</summary>
    /// <exception cref="MediaException">There is no memory for it.</exception>
    public static string Path => $"/proc/self/fd/{Memory.Value.DangerousGetHandle()}";

    private static SafeFileHandle Load()
    {
        var descriptor = MemoryFile(Resource, CloseOnExec);
        if (descriptor < 0)
        {
            throw new MediaException($"test:camera finds no memory: {Marshal.GetLastPInvokeErrorMessage()}");
        }

        var memory = new SafeFileHandle(descriptor, ownsHandle: true);
        using var clip = typeof(CameraClip).Assembly.GetManifestResourceStream(Resource)!;
        var bytes = new byte[clip.Length];
        clip.ReadExactly(bytes);
        RandomAccess.Write(memory, bytes, fileOffset: 0);
        return memory;
    }

    [LibraryImport("libc", EntryPoint = "memfd_create", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static partial int MemoryFile(string name, uint flags);
}
