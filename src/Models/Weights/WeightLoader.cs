using System.Text;
using TorchSharp;
using static TorchSharp.torch;

namespace StreamDiff.Models.Weights;

/// <summary>
/// Hands a network its weights by name and shape, strictly: what is missing, unexpected or wrongly shaped is collected and reported in one
/// error by
/// <see cref="Complete"/>, so that a user sees everything that is wrong with a file at once.
/// </summary>
public sealed class WeightLoader
{
    private readonly IWeightSource _source;
    private readonly Shared _shared;
    private readonly string _prefix;

    public WeightLoader(IWeightSource source, Device device, ScalarType type)
        : this(source, new Shared(device), "", type)
    {
    }

    private WeightLoader(IWeightSource source, Shared shared, string prefix, ScalarType type)
    {
        _source = source;
        _shared = shared;
        _prefix = prefix;
        Type = type;
    }

    public Device Device => _shared.Device;

    /// <summary>Type that weights are converted to.</summary>
    public ScalarType Type { get; }

    /// <summary>Everything taken so far, in order.</summary>
    internal IReadOnlyList<Tensor> Taken => _shared.Taken;

    /// <summary>Their names, in the same order.</summary>
    internal IReadOnlyList<string> TakenNames => _shared.TakenNames;

    /// <summary>The same loader below a name, such as <c>blocks.0</c>.</summary>
    public WeightLoader In(string name) => new(_source, _shared, $"{_prefix}{name}.", Type);

    /// <summary>
    /// One weight. Where it is missing or wrongly shaped a placeholder comes back and <see cref="Complete"/> will refuse.
    /// </summary>
    public Tensor Take(string name, params long[] shape) => Take(name, shape, keepTail: false);

    /// <summary>
    /// A convolution's weight [out, in, (time,) height, width]; on CUDA its channels lie last in memory, which is what cuDNN computes with.
    /// </summary>
    public Tensor TakeKernel(string name, params long[] shape) =>
        TakeLaid(name, [0, .. Enumerable.Range(2, shape.Length - 2).Select(d => (long)d), 1], shape);

    /// <summary>A weight whose dimensions lie in another order in memory on CUDA, the slowest first.</summary>
    public Tensor TakeLaid(string name, long[] order, params long[] shape)
    {
        var weight = Take(name, shape);
        if (Device.type != DeviceType.CUDA || _source.AreLeaves)
            return weight;
        // In the place of what was taken last; looked for by its value, another one with the same numbers might be found.
        using var last = weight.permute(order);
        using var laid = last.contiguous();
        weight.Dispose();
        return _shared.Taken[^1] = laid.permute([.. order.Select((_, d) => (long)Array.IndexOf(order, (long)d))]).DetachFromDisposeScope();
    }

    /// <summary>True where <see cref="TakeSideBySide"/> puts weights into one piece of memory.</summary>
    public bool JoinsSideBySide => Device.type == DeviceType.CUDA && !_source.AreLeaves;

    /// <summary>
    /// Several weights of one shape. On CUDA they lie one after the other in one piece of memory, so that a product with all of them is one
    /// product; on the CPU each is where it is read, which may be the file itself.
    /// </summary>
    public Tensor[] TakeSideBySide(string[] names, params long[] shape)
    {
        if (!JoinsSideBySide)
            return Array.ConvertAll(names, name => Take(name, shape));
        using var whole = empty([names.Length * shape[0], .. shape.AsSpan(1)], Type, Device);
        var parts = new Tensor[names.Length];
        for (var i = 0; i < names.Length; i++)
        {
            parts[i] = whole.narrow(0, i * shape[0], shape[0]);
            _shared.Used.Add(_prefix + names[i]);
            using (var read = Find(_prefix + names[i], shape, keepTail: false))
                if (read is not null)
                    parts[i].copy_(read);
            Keep(_prefix + names[i], parts[i]);
        }
        return parts;
    }

    /// <summary>Several matrices of one shape in float8, one after the other in memory, and so their scales.</summary>
    internal Float8Rows[] TakeFloat8(string[] names, long rows, long columns)
    {
        using var values = empty([names.Length * rows, columns], Float8Rows.Type, Device);
        using var scales = empty([names.Length * rows, 1], ScalarType.Float32, Device);
        var parts = new Float8Rows[names.Length];
        for (var i = 0; i < names.Length; i++)
        {
            parts[i] = new Float8Rows(values.narrow(0, i * rows, rows), scales.narrow(0, i * rows, rows));
            _shared.Used.Add(_prefix + names[i]);
            using (var read = Find(_prefix + names[i], [rows, columns], keepTail: false))
                if (read is not null)
                {
                    var (of, by) = Float8Rows.Of(read);
                    using (of)
                        parts[i].Values.copy_(of);
                    using (by)
                        parts[i].Scales.copy_(by);
                }
            Keep(_prefix + names[i], parts[i].Values);
            Keep(_prefix + names[i] + ".scales", parts[i].Scales);
        }
        return parts;
    }

    /// <summary>
    /// As <see cref="Take(string,long[])"/>, but where the file's first dimension is longer its last rows are used (TAEHV's TGrow weights).
    /// </summary>
    public Tensor TakeTail(string name, params long[] shape) => Take(name, shape, keepTail: true);

    /// <summary>True when the source holds this name.</summary>
    public bool Has(string name) => _source.ShapeOf(_prefix + name, []) is not null;

    /// <summary>The same loader with another type for what is taken through it.</summary>
    public WeightLoader As(ScalarType type) => new(_source, _shared, _prefix, type);

    /// <summary>Names that may be there without being used, such as the blocks of other ranks.</summary>
    public void Allow(Func<string, bool> name) => _shared.Allowed.Add(name);

    /// <summary>
    /// Ends the loading. The result owns every weight that was taken and the memory below it: the source may be disposed at once.
    /// </summary>
    /// <exception cref="WeightsException">Names are missing, unexpected or wrongly shaped.</exception>
    public WeightSet Complete()
    {
        var unexpected = _source.Names.Where(n => !_shared.Used.Contains(n) && !_shared.Allowed.Any(a => a(n)))
            .Order(StringComparer.Ordinal).ToList();
        if (_shared.Missing.Count + _shared.Misshapen.Count + unexpected.Count == 0)
            return new WeightSet(_shared.Taken, _source.Hold());
        foreach (var tensor in _shared.Taken)
            tensor.Dispose();
        throw new WeightsException(_source.Description, _shared.Missing, unexpected, _shared.Misshapen);
    }

    private Tensor Take(string name, long[] shape, bool keepTail)
    {
        var full = _prefix + name;
        _shared.Used.Add(full);
        var tensor = Find(full, shape, keepTail) ?? Placeholder(shape);
        Keep(full, tensor);
        return tensor;
    }

    private void Keep(string name, Tensor tensor)
    {
        _shared.Taken.Add(tensor.DetachFromDisposeScope());
        _shared.TakenNames.Add(name);
    }

    private Tensor? Find(string name, long[] shape, bool keepTail)
    {
        var found = _source.ShapeOf(name, shape);
        if (found is null)
        {
            _shared.Missing.Add(name);
            return null;
        }
        if (found.AsSpan().SequenceEqual(shape))
            return _source.Read(name, found, Device, Type);
        if (!keepTail || found.Length != shape.Length || found[0] < shape[0] || !found.AsSpan(1).SequenceEqual(shape.AsSpan(1)))
        {
            _shared.Misshapen.Add($"{name} is [{string.Join(", ", found)}] instead of [{string.Join(", ", shape)}]");
            return null;
        }
        using var whole = _source.Read(name, found, Device, Type);
        return whole.narrow(0, found[0] - shape[0], shape[0]);
    }

    // A zero of the right shape without its memory: the network can be put together, so that all its names are seen.
    private Tensor Placeholder(long[] shape)
    {
        using var zero = torch.zeros(1, dtype: Type, device: Device);
        return zero.expand(shape);
    }

    private sealed record Shared(Device Device)
    {
        public HashSet<string> Used { get; } = [];
        public List<Tensor> Taken { get; } = [];
        public List<string> TakenNames { get; } = [];
        public List<string> Missing { get; } = [];
        public List<string> Misshapen { get; } = [];
        public List<Func<string, bool>> Allowed { get; } = [];
    }
}

/// <summary>The weights of one network; disposing it frees them.</summary>
/// <param name="tensors">Owned by the set.</param>
/// <param name="memory">What the tensors alias, such as a mapped file; let go after them. The set must be kept as long as any of its
/// tensors is used.</param>
public sealed class WeightSet(IReadOnlyList<Tensor> tensors, IDisposable? memory = null) : IDisposable
{
    /// <summary>In the order in which the network asked for them.</summary>
    public IReadOnlyList<Tensor> Tensors => tensors;

    public long Bytes => tensors.Sum(t => t.numel() * t.element_size());

    public void Dispose()
    {
        foreach (var tensor in tensors)
            tensor.Dispose();
        memory?.Dispose();
    }
}

/// <summary>A checkpoint does not fit the network; lists everything that is wrong.</summary>
public sealed class WeightsException(
    string file, IReadOnlyList<string> missing, IReadOnlyList<string> unexpected, IReadOnlyList<string> misshapen)
    : ModelException(Describe(file, missing, unexpected, misshapen))
{
    public IReadOnlyList<string> Missing => missing;

    public IReadOnlyList<string> Unexpected => unexpected;

    public IReadOnlyList<string> Misshapen => misshapen;

    private static string Describe(
        string file, IReadOnlyList<string> missing, IReadOnlyList<string> unexpected, IReadOnlyList<string> misshapen)
    {
        var text = new StringBuilder($"{file} does not fit the model");
        Append("missing", missing);
        Append("unexpected", unexpected);
        Append("wrong shape", misshapen);
        return text.ToString();

        void Append(string what, IReadOnlyList<string> names)
        {
            if (names.Count > 0)
                text.Append($"; {what} ({names.Count}): {string.Join(", ", names.Select(Printable.Of))}");
        }
    }
}
