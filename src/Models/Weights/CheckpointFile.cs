using TorchSharp;
using static TorchSharp.torch;

namespace StreamDiff.Models.Weights;

/// <summary>
/// A checkpoint on disk, mapped into memory. Opening it reads the table of contents only; a tensor's bytes are read when it is used.
/// A file must not be shortened while it is open: the system ends a process that touches pages that are gone.
/// </summary>
public abstract class CheckpointFile : IWeightSource
{
    private readonly MappedFile[] _files;
    private readonly OrderedDictionary<string, MappedTensor> _tensors;
    private bool _disposed;

    private protected CheckpointFile(string path, MappedFile[] files, OrderedDictionary<string, MappedTensor> tensors)
    {
        Path = path;
        _files = files;
        _tensors = tensors;
    }

    /// <summary>As given when it was opened.</summary>
    public string Path { get; }

    /// <inheritdoc/>
    public string Description => Path;

    /// <summary>Every tensor's name, in the file's order.</summary>
    public IReadOnlyCollection<string> Names => _tensors.Keys;

    /// <summary>Of all files that it spans, in bytes.</summary>
    public long Bytes => _files.Sum(f => f.Length);

    /// <summary>
    /// Opens a checkpoint by what is in it: a safetensors file, an index of several, a .pt or .pth of torch 1.6 or newer, or a folder with
    /// one of them.
    /// </summary>
    /// <param name="path">A file or a folder.</param>
    /// <param name="rule">Which names to take; default <see cref="StateDictRule.AsStored"/>.</param>
    /// <exception cref="ModelException">It cannot be read; the message is one line that says what is wrong and what to do.</exception>
    public static CheckpointFile Open(string path, StateDictRule? rule = null)
    {
        var file = Directory.Exists(path) ? CheckpointKinds.FindIn(path) : path;
        return CheckpointKinds.Of(file) switch
        {
            CheckpointKind.Index => ShardedSafetensors.Open(file, rule),
            CheckpointKind.Torch => TorchPickleFile.Open(file, rule),
            _ => SafetensorsFile.Open(file, rule),
        };
    }

    /// <summary>Type as stored, or null where no tensor has that name.</summary>
    public ScalarType? TypeOf(string name) => _tensors.TryGetValue(name, out var tensor) ? tensor.Type : null;

    /// <summary>Shape as stored, or null where no tensor has that name.</summary>
    public long[]? ShapeOf(string name) => _tensors.TryGetValue(name, out var tensor) ? tensor.Shape.AsSpan().ToArray() : null;

    long[]? IWeightSource.ShapeOf(string name, long[] wanted) => ShapeOf(name);

    /// <summary>
    /// The tensor as stored, on the CPU, over the file's own memory: no copy, read-only (writing to it ends the process), valid until this
    /// is disposed or, after <see cref="Hold"/>, until that is. The caller disposes it.
    /// </summary>
    /// <exception cref="ModelException">No tensor has that name.</exception>
    public Tensor View(string name) => Find(name).View();

    /// <summary>
    /// The tensor on a device in a type. On the CPU in the stored type it is <see cref="View"/>; otherwise a copy is made piece by piece
    /// and the file's pages leave memory again, so that loading needs no more than the result and one piece.
    /// </summary>
    /// <exception cref="ModelException">No tensor has that name, or it has another shape.</exception>
    public Tensor Read(string name, long[] shape, Device device, ScalarType type)
    {
        var tensor = Find(name);
        if (!tensor.Shape.AsSpan().SequenceEqual(shape))
            throw new ModelException($"{Path}: {name} is [{string.Join(", ", tensor.Shape)}] instead of [{string.Join(", ", shape)}]");
        return tensor.Read(device, type);
    }

    /// <inheritdoc/>
    public IDisposable Hold()
    {
        ObjectDisposedException.ThrowIf(_disposed, this);
        return new Holders(Array.ConvertAll(_files, f => f.Hold()));
    }

    /// <summary>Lets go of the files. They stay mapped for those that hold them.</summary>
    public void Dispose()
    {
        _disposed = true;
        foreach (var file in _files)
            file.Dispose();
        GC.SuppressFinalize(this);
    }

    private MappedTensor Find(string name)
    {
        ObjectDisposedException.ThrowIf(_disposed, this);
        return _tensors.TryGetValue(name, out var tensor) ? tensor : throw new ModelException($"{Path} holds no tensor '{name}'");
    }

    private sealed class Holders(IDisposable[] holders) : IDisposable
    {
        public void Dispose()
        {
            foreach (var holder in holders)
                holder.Dispose();
        }
    }
}
