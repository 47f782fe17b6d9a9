using static TorchSharp.torch;

namespace StreamDiff.Models.Cuda;

/// <summary>Kernels compiled for one device and one network.</summary>
internal sealed unsafe class CudaKernels : IKernels
{
    /// <summary>Threads of a block on every device.</summary>
    public const int ThreadsOfBlock = 1024;

    private const int MostArguments = 24;

    private readonly CudaContext _context;
    private readonly nint _module;
    private readonly Dictionary<string, nint> _functions = [];
    private nint _stream;
    private readonly GraphMemory _memory = new();
    private CudaRecording? _recording;

    /// <param name="device">Number of the device.</param>
    /// <param name="source">CUDA C++.</param>
    /// <param name="macros">Sizes, such as <c>DIM=1536</c>.</param>
    /// <param name="records">False never records; recordings cost memory.</param>
    /// <exception cref="CudaException">They cannot be compiled or loaded.</exception>
    public CudaKernels(int device, string source, IEnumerable<string> macros, bool records)
    {
        _context = new CudaContext(device);
        try
        {
            var (major, minor) = _context.Capability;
            var image = CubinCache.Get(source,
                [$"--gpu-architecture=sm_{major}{minor}", "--std=c++17", "--extra-device-vectorization", .. macros.Select(m => $"-D{m}")]);
            using (_context.Enter())
                fixed (byte* first = image)
                    CudaDriver.Check(CudaDriver.cuModuleLoadData(out _module, first), "cuModuleLoadData");
            WhyNotRecorded = !records ? "switched off" : CudaGraph.IsOffered ? null : "this libtorch offers no graphs";
        }
        catch
        {
            _context.Dispose();
            throw;
        }
    }

    public int MostThreads => ThreadsOfBlock;

    // What cuDNN 9 does with heads of 128 on Hopper (docs/gpu.md): a call's time grows by a round with every 128 queries that fill one. A
    // round over 9,360 keys takes 130 us, a second call 15.
    public AttentionPieces? Pieces => _context.Capability.Major == 9 ? new AttentionPieces(_context.Processors, 128, 1100) : null;

    public string? WhyNotRecorded { get; private set; }

    public void Launch(string kernel, (int X, int Y, int Z) blocks, int threads, ReadOnlySpan<ulong> arguments)
    {
        using var scope = _context.Enter();
        if (!_functions.TryGetValue(kernel, out var function))
        {
            CudaDriver.Check(CudaDriver.cuModuleGetFunction(out function, _module, kernel), $"cuModuleGetFunction({kernel})");
            _functions[kernel] = function;
        }
        var addresses = stackalloc void*[MostArguments];
        fixed (ulong* first = arguments)
        {
            for (var i = 0; i < arguments.Length; i++)
                addresses[i] = first + i;
            CudaDriver.Check(CudaDriver.cuLaunchKernel(function, (uint)blocks.X, (uint)blocks.Y, (uint)blocks.Z, (uint)threads, 1, 1, 0,
                CudaStreams.Current(_context.Index), addresses, null), kernel);
        }
    }

    public IHostMemory Allocate(int bytes) => new PinnedMemory(_context, bytes);

    public void Upload(IHostMemory from, Tensor to)
    {
        using var scope = _context.Enter();
        var stream = CudaStreams.Current(_context.Index);
        CudaDriver.Check(CudaDriver.cuMemcpyHtoDAsync(Native.StableAbi.DataPointer(to), from.Address, (nuint)from.Bytes, stream),
            "cuMemcpyHtoDAsync");
        ((PinnedMemory)from).Copied(stream);
    }

    public void Download(Tensor from, IHostMemory to)
    {
        using var scope = _context.Enter();
        var stream = CudaStreams.Current(_context.Index);
        CudaDriver.Check(CudaDriver.cuMemcpyDtoHAsync(to.Address, Native.StableAbi.DataPointer(from), (nuint)to.Bytes, stream),
            "cuMemcpyDtoHAsync");
        ((PinnedMemory)to).Copied(stream);
    }

    public IRecording? Record(Action issue)
    {
        if (WhyNotRecorded is not null)
            return null;
        try
        {
            using var scope = _context.Enter();
            if (_stream == 0)
                _stream = CudaStreams.OfPool(_context.Index);
            _recording = new CudaRecording(_context, _stream, _memory);
            _recording.Record(issue);
            return _recording;
        }
        catch (CudaException e)
        {
            // What failed once fails again: the launches go one by one from now on.
            WhyNotRecorded = e.Message;
            return null;
        }
        finally
        {
            _recording = null;
        }
    }

    public void Apart(Action work)
    {
        if (_recording is { } recording)
            recording.Apart(work);
        else
            work();
    }

    public void Dispose()
    {
        using (_context.Enter())
            CudaDriver.Ignore(CudaDriver.cuModuleUnload(_module));
        _context.Dispose();
    }
}
