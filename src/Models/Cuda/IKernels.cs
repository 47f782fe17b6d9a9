using static TorchSharp.torch;

namespace StreamDiff.Models.Cuda;

/// <summary>
/// Own kernels on one device, and what they need around them: memory that the device reads beside its work, and sequences of launches that
/// are recorded once and replayed. Everything takes effect in the order in which it is given, on the stream that is current on the caller's
/// thread. Failures are <see cref="CudaException"/>.
/// </summary>
internal interface IKernels : IDisposable
{
    /// <summary>Most threads that a block should have; kernels are compiled for it.</summary>
    int MostThreads { get; }

    /// <summary>How attention is cut here; null where that is not known.</summary>
    AttentionPieces? Pieces { get; }

    /// <summary>Launches a kernel.</summary>
    /// <param name="kernel">Its name.</param>
    /// <param name="blocks">Blocks of threads in each direction.</param>
    /// <param name="threads">Threads of a block.</param>
    /// <param name="arguments">Its arguments, see <see cref="Argument"/>.</param>
    void Launch(string kernel, (int X, int Y, int Z) blocks, int threads, ReadOnlySpan<ulong> arguments);

    /// <summary>Host memory that the device can read and write while both go on.</summary>
    IHostMemory Allocate(int bytes);

    /// <summary>Copies host memory into the beginning of a tensor; returns before it is done.</summary>
    void Upload(IHostMemory from, Tensor to);

    /// <summary>Copies the beginning of a tensor into host memory; returns before it is done.</summary>
    void Download(Tensor from, IHostMemory to);

    /// <summary>
    /// Records what <paramref name="issue"/> does without doing it, but for what it does <see cref="Apart"/>. Tensors that it reads or
    /// writes and did not make must live as long as the recording.
    /// </summary>
    /// <returns>Null where nothing can be recorded; <see cref="WhyNotRecorded"/> says why.</returns>
    IRecording? Record(Action issue);

    /// <summary>
    /// Does something that is not recorded: a recording under way is done up to here, then <paramref name="work"/> anew at each replay,
    /// then the rest. What later launches read of it must lie where it always does.
    /// </summary>
    void Apart(Action work);

    /// <summary>Why nothing is recorded; null while it is.</summary>
    string? WhyNotRecorded { get; }
}

/// <summary>How a device's attention is cut: each processor does a piece at a time.</summary>
/// <param name="Processors">Its streaming multiprocessors.</param>
/// <param name="Queries">Queries of a piece, of one head, and keys that it takes at once.</param>
/// <param name="KeysOfCall">How many keys a piece gets through in the time that a second call and joining its results take.</param>
internal readonly record struct AttentionPieces(int Processors, int Queries, int KeysOfCall);

/// <summary>Host memory that a device reads or writes.</summary>
internal interface IHostMemory : IDisposable
{
    nint Address { get; }

    int Bytes { get; }

    /// <summary>Waits until the last copy from or to it is done.</summary>
    void Wait();
}

/// <summary>Launches that were recorded; dispose it when they are not to be replayed any more.</summary>
internal interface IRecording : IDisposable
{
    /// <summary>Does them again, with whatever now lies in the memory that they read.</summary>
    void Replay();

    /// <summary>Memory of the device that the recording took.</summary>
    long Bytes { get; }
}

/// <summary>A kernel's arguments, as eight bytes each.</summary>
internal static class Argument
{
    /// <summary>The address of a tensor's first element; 0 for none. The tensor must live until the launch.</summary>
    public static ulong Of(Tensor? tensor) => tensor is null ? 0 : (ulong)Native.StableAbi.DataPointer(tensor);

    public static ulong Of(int value) => (uint)value;

    public static ulong Of(float value) => BitConverter.SingleToUInt32Bits(value);
}

/// <summary>The device, its driver or its compiler did not do what was asked.</summary>
public sealed class CudaException(string message) : ModelException(message);
