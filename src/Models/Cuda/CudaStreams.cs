using StreamDiff.Models.Native;

namespace StreamDiff.Models.Cuda;

/// <summary>libtorch's streams, through its C interface (torch/csrc/inductor/aoti_torch/c/shim.h and torch/csrc/stable/c/shim.h).</summary>
internal static unsafe class CudaStreams
{
    private static readonly delegate* unmanaged<int, nint*, int> GetCurrent =
        (delegate* unmanaged<int, nint*, int>)LibTorch.Export("aoti_torch_get_current_cuda_stream");

    private static readonly delegate* unmanaged<byte, int, nint*, int> FromPool =
        (delegate* unmanaged<byte, int, nint*, int>)LibTorch.Export("torch_get_cuda_stream_from_pool");

    private static readonly delegate* unmanaged<nint, int, int> SetCurrent =
        (delegate* unmanaged<nint, int, int>)LibTorch.Export("torch_set_current_cuda_stream");

    /// <summary>The stream that this thread's work on a device goes to; 0 is the device's own.</summary>
    public static nint Current(int device)
    {
        nint stream;
        Check(GetCurrent(device, &stream), "getting the current stream");
        return stream;
    }

    /// <summary>One of libtorch's streams of high priority; it stays libtorch's.</summary>
    public static nint OfPool(int device)
    {
        nint stream;
        Check(FromPool(1, device, &stream), "getting a stream");
        return stream;
    }

    public static void MakeCurrent(nint stream, int device) => Check(SetCurrent(stream, device), "changing the current stream");

    private static void Check(int code, string what)
    {
        if (code != 0)
            throw new CudaException($"libtorch failed in {what} (code {code}); its message is on stderr");
    }
}
