using System.Runtime.InteropServices;

namespace StreamDiff.Models.Cuda;

/// <summary>
/// The CUDA driver API (libcuda.so.1, part of the display driver) as far as it is needed here: modules, launches, copies, events.
/// Source: CUDA Driver API reference, and cuda.h for the numbers.
/// </summary>
internal static unsafe partial class CudaDriver
{
    private const string Library = "libcuda.so.1";

    /// <summary>CU_EVENT_DISABLE_TIMING.</summary>
    public const uint EventWithoutTime = 2;

    /// <summary>CUDA_ERROR_NOT_READY.</summary>
    public const int NotReady = 600;

    /// <summary>CU_STREAM_CAPTURE_STATUS_ACTIVE.</summary>
    public const int CaptureActive = 1;

    /// <summary>CU_DEVICE_ATTRIBUTE_MULTIPROCESSOR_COUNT.</summary>
    public const int ProcessorCount = 16;

    /// <summary>CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MAJOR and _MINOR.</summary>
    public const int CapabilityMajor = 75;

    public const int CapabilityMinor = 76;

    /// <exception cref="CudaException">The call failed.</exception>
    public static void Check(int code, string what)
    {
        if (code == 0)
            return;
        var known = cuGetErrorName(code, out var name) == 0 ? Marshal.PtrToStringUTF8(name) : null;
        throw new CudaException($"CUDA failed in {what}: {known ?? "error"} ({code})");
    }

    /// <summary>For what is given back: nothing can be done where that fails.</summary>
    public static void Ignore(int code) => _ = code;

    [LibraryImport(Library)]
    private static partial int cuGetErrorName(int code, out nint name);

    [LibraryImport(Library)]
    public static partial int cuInit(uint flags);

    [LibraryImport(Library)]
    public static partial int cuDeviceGet(out int device, int ordinal);

    [LibraryImport(Library)]
    public static partial int cuDeviceGetAttribute(out int value, int attribute, int device);

    [LibraryImport(Library)]
    public static partial int cuDevicePrimaryCtxRetain(out nint context, int device);

    [LibraryImport(Library, EntryPoint = "cuDevicePrimaryCtxRelease_v2")]
    public static partial int cuDevicePrimaryCtxRelease(int device);

    [LibraryImport(Library, EntryPoint = "cuCtxPushCurrent_v2")]
    public static partial int cuCtxPushCurrent(nint context);

    [LibraryImport(Library, EntryPoint = "cuCtxPopCurrent_v2")]
    public static partial int cuCtxPopCurrent(out nint context);

    [LibraryImport(Library)]
    public static partial int cuModuleLoadData(out nint module, void* image);

    [LibraryImport(Library)]
    public static partial int cuModuleUnload(nint module);

    [LibraryImport(Library, StringMarshalling = StringMarshalling.Utf8)]
    public static partial int cuModuleGetFunction(out nint function, nint module, string name);

    [LibraryImport(Library)]
    public static partial int cuLaunchKernel(
        nint function, uint gridX, uint gridY, uint gridZ, uint blockX, uint blockY, uint blockZ, uint sharedBytes, nint stream,
        void** arguments, void** extra);

    [LibraryImport(Library)]
    public static partial int cuMemHostAlloc(out nint address, nuint bytes, uint flags);

    [LibraryImport(Library)]
    public static partial int cuMemFreeHost(nint address);

    [LibraryImport(Library, EntryPoint = "cuMemcpyHtoDAsync_v2")]
    public static partial int cuMemcpyHtoDAsync(nint device, nint host, nuint bytes, nint stream);

    [LibraryImport(Library, EntryPoint = "cuMemcpyDtoHAsync_v2")]
    public static partial int cuMemcpyDtoHAsync(nint host, nint device, nuint bytes, nint stream);

    [LibraryImport(Library, EntryPoint = "cuMemGetInfo_v2")]
    public static partial int cuMemGetInfo(out nuint free, out nuint total);

    [LibraryImport(Library)]
    public static partial int cuEventCreate(out nint handle, uint flags);

    [LibraryImport(Library)]
    public static partial int cuEventRecord(nint handle, nint stream);

    [LibraryImport(Library)]
    public static partial int cuEventSynchronize(nint handle);

    [LibraryImport(Library)]
    public static partial int cuEventQuery(nint handle);

    [LibraryImport(Library, EntryPoint = "cuEventElapsedTime")]
    public static partial int cuEventElapsedTime(out float milliseconds, nint from, nint to);

    [LibraryImport(Library, EntryPoint = "cuEventDestroy_v2")]
    public static partial int cuEventDestroy(nint handle);

    [LibraryImport(Library)]
    public static partial int cuStreamIsCapturing(nint stream, out int status);

    [LibraryImport(Library)]
    public static partial int cuStreamEndCapture(nint stream, out nint graph);

    [LibraryImport(Library)]
    public static partial int cuGraphDestroy(nint graph);
}
