using System.Diagnostics;
using System.Globalization;
using StreamDiff.Bench.Hosts;
using StreamDiff.Bench.Reports;
using StreamDiff.Models.Cuda;
using StreamDiff.Models.KvCache;
using StreamDiff.Models.Native;
using StreamDiff.Models.Wan.Fused;
using StreamDiff.Models.Wan.Layers;
using StreamDiff.Models.Weights;
using StreamDiff.Scheduling.Statistics;
using static TorchSharp.torch;

namespace StreamDiff.Bench.Kernels;

/// <summary>What to measure.</summary>
public sealed record KernelBenchmarkOptions
{
    /// <summary>Sizes of the transformer.</summary>
    public required WanConfig Config { get; init; }

    /// <summary>Picture size, multiples of 16.</summary>
    public required (int Width, int Height) Size { get; init; }

    /// <summary>Rows of the tick.</summary>
    public required int Rows { get; init; }

    /// <summary>Latent frames of the window. Default 6.</summary>
    public int Window { get; init; } = 6;

    /// <summary>Sinks. Default 3.</summary>
    public int Sinks { get; init; } = 3;
}

/// <summary>
/// The parts of a tick on a GPU, each by itself beside its floor: the bytes that it must move at the rate of a large copy, or the
/// operations that it must do at the rate of a large product, both measured in the same run.
/// </summary>
public sealed class KernelBenchmark : IDisposable
{
    // As many weights as do not fit the cache of the device together, as in a tick.
    private const int WeightSets = 8;
    private const int Repetitions = 24;
    private const int Replays = 10;
    private const int Runs = 5;

    private readonly KernelBenchmarkOptions _options;
    private readonly WanConfig _config;
    private readonly CudaKernels _kernels;
    private readonly TokenKernels _token;
    private readonly KvCachePool _pool;
    private readonly TickPlan _plan;
    private readonly TickShape _shape;
    private readonly TickBuffers _buffers;
    private readonly Tensor _space;
    private readonly int _frameTokens;
    private double _copyRate;
    private double _productRate;

    private KernelBenchmark(KernelBenchmarkOptions options)
    {
        _options = options;
        _config = options.Config;
        var (rows, columns) = (options.Size.Height / 16, options.Size.Width / 16);
        _frameTokens = rows * columns;
        var rotary = new RotaryEmbedding3D(_config.HeadDim);
        _kernels = new CudaKernels(0, TokenKernels.Source,
            TokenKernels.Macros(_config, ScalarType.BFloat16, CudaKernels.ThreadsOfBlock), records: true);
        _token = new TokenKernels(_kernels, _config);
        _pool = new KvCachePool(_config, 2, options.Rows, new CacheGeometry(_frameTokens, options.Window, options.Sinks, 0.2),
            KeyRotation.Relative, CUDA, ScalarType.BFloat16, rollsByFrame: true);
        // The window fills, and rolls.
        for (var frame = 0; ; frame++)
        {
            var position = (long)frame * _frameTokens;
            _plan = _pool.Plan([.. Enumerable.Range(0, options.Rows).Select(lane => new TickRow(lane, position))], _frameTokens);
            if (frame == 2 * options.Window)
                break;
            _plan.Refreshes(() => [.. Enumerable.Repeat(CacheLane.NoRefresh, 2 * options.Rows)]);
            _pool.Commit(_plan);
        }
        _shape = new TickShape(options.Rows, _frameTokens, 1, 2, _plan.Places.Outcomes, options.Window, options.Sinks,
            rotary.TimeWidth / 2);
        _buffers = new TickBuffers(_kernels, _token, _shape, _config, CUDA, ScalarType.BFloat16);
        _buffers.Write(_plan, _pool, rotary, new long[options.Rows]);
        _space = rotary.Places(rows, columns, CUDA);
    }

    /// <exception cref="Models.ModelException">There is no such device, or it cannot do it.</exception>
    public static BenchmarkReport Run(KernelBenchmarkOptions options, Action<string> log)
    {
        LibTorch.Load();
        using var inference = inference_mode();
        using var scope = NewDisposeScope();
        var before = ProcessState.Now();
        using var benchmark = new KernelBenchmark(options);
        benchmark.MeasureRates();
        var cases = benchmark.Parts(log);
        return new BenchmarkReport
        {
            Benchmark = "kernels",
            Hardware = HostDescription.Hardware(CUDA),
            Software = HostDescription.Software(),
            Settings = new SortedDictionary<string, string>(StringComparer.Ordinal)
            {
                ["transformer"] = FormattableString.Invariant($"{options.Config.Dim} wide, {options.Config.Blocks} blocks"),
                ["size"] = FormattableString.Invariant($"{options.Size.Width}x{options.Size.Height}"),
                ["rows"] = options.Rows.ToString(CultureInfo.InvariantCulture),
                ["type"] = options.Config.Float8 ? "BFloat16, products in float8" : "BFloat16",
                ["copy rate"] = FormattableString.Invariant($"{benchmark._copyRate / 1e12:0.00} TB/s, read and write of 1 GiB"),
                ["product rate"] = FormattableString.Invariant($"{benchmark._productRate / 1e12:0} TFLOP/s, 8192^3"),
            },
            Conditions = HostConditions.Since(before),
            Cases = cases,
        };
    }

    public void Dispose()
    {
        _space.Dispose();
        _buffers.Dispose();
        _pool.Dispose();
        _kernels.Dispose();
    }

    private List<BenchmarkCase> Parts(Action<string> log)
    {
        var (dim, hidden, count) = ((long)_config.Dim, (long)_config.FfnDim, (long)_options.Rows * _frameTokens);
        var activations = 2.0 * count * dim;
        var keys = (long)_options.Window * _frameTokens;
        var rolling = _options.Window - _options.Sinks - 1;
        var timePart = (double)_shape.TimePairs * 2 * _config.Heads * 2 * _options.Rows * _frameTokens;
        using var wide = Random(count, 3 * dim);
        using var input = Random(count, dim);
        using var expanded = Random(count, hidden);
        using var modulation = rand([1, 6, dim], ScalarType.Float32, CUDA);
        using var norm = Random(dim);
        using var prompt = Random(1, _config.TextLength, 2, _config.Heads, _config.HeadDim);
        _buffers.Modulation.copy_(rand(_buffers.Modulation.shape, ScalarType.Float32, CUDA));
        var values = Argument.Of(wide) + (ulong)(2 * dim * 2);
        var cache = _pool.Cache(0);
        var part = cache.Whole!;
        var turns = new Turns(_space, _buffers.Times, 0, _frameTokens);
        var gate = new Modulator(Argument.Of(_buffers.Modulation), Argument.Of(modulation));
        var modulated = new Norm(gate, gate, null, null);
        var affine = new Norm(default, default, norm, norm);
        var promptKeys = prompt.select(2, 0).transpose(1, 2);
        var promptValues = prompt.select(2, 1).transpose(1, 2);

        var attention = new CachedSelfAttention(_token);
        var normal = _config.Float8 ? _buffers.Narrow : _buffers.Normal;

        var cases = new List<BenchmarkCase>();
        Part("residual, norm, modulation", 2, 4 * activations, 0,
            _ => _token.ResidualNorm(_buffers.Tokens, input, gate, modulated, normal, _frameTokens));
        Part("residual, norm with weight", 1, 4 * activations, 0,
            _ => _token.ResidualNorm(_buffers.Tokens, input, gate, affine, normal, _frameTokens));
        Product("queries, keys, values", 3 * dim, dim, 1);
        Part("norm and rotation of queries and keys", 1, 4 * activations, 0,
            _ => _token.NormRotate(wide, (norm, _buffers.Queries), (norm, _buffers.Keys), turns, _frameTokens));
        Part("sinks compared", 1, 2 * activations, 0,
            i => _token.CompareSinks(_buffers.Keys, values, (int)(3 * dim), cache.Sinks!.KeyMeans, cache.Sinks.ValueMeans, _buffers.Rows,
                _buffers.Ends(0), _buffers.Fresh, _buffers.Partial, _buffers.Done, _buffers.Refreshed(0), _shape.Rows, _shape.Sinks,
                _frameTokens));
        Part("cache written and turned", 1, 4 * activations + timePart * (1 + 2 * rolling), 0,
            _ => _token.WriteCache(_buffers.Keys, values, (int)(3 * dim), part.Keys, part.Values, part.Unrotated, _buffers.Rows,
                _buffers.Slots(0), _buffers.Refreshed(0), _pool.TimeTurns, _shape.Rows, _shape.Outcomes, _frameTokens, _frameTokens,
                _shape.Window));
        Part("self-attention", 1, 2 * activations + 4.0 * _options.Rows * keys * dim, 4.0 * count * keys * dim,
            _ => attention.Attend(part, _buffers.Queries, _plan.Groups).Dispose());
        Product("output of self-attention", dim, dim, 1);
        Product("queries of cross-attention", dim, dim, 1);
        Part("norm of cross-attention's queries", 1, 2 * activations, 0,
            _ => _token.NormRotate(input, (norm, _buffers.Queries), null, null, _frameTokens));
        Part("cross-attention", 1, 2 * activations, 4.0 * count * _config.TextLength * dim, _ =>
        {
            using var scope = NewDisposeScope();
            var queries = _buffers.Queries.view(1, -1, _config.Heads, _config.HeadDim).transpose(1, 2);
            nn.functional.scaled_dot_product_attention(queries, promptKeys, promptValues);
        });
        Product("output of cross-attention", dim, dim, 1);
        Product(_config.Float8 ? "feed-forward, first" : "feed-forward, first, with GELU", hidden, dim, 1, gelu: true);
        if (_config.Float8)
        {
            Part("outputs of both attentions to float8", 2, 1.5 * activations, 0, _ => Free(_token.QuantiseRows(input, gelu: false)));
            Part("GELU and float8 of the hidden layer", 1, 3.0 * count * hidden, 0, _ => Free(_token.QuantiseRows(expanded, gelu: true)));
        }
        Product("feed-forward, second", dim, hidden, 1);
        var whole = cases.Sum(c => c.Figures.First(f => f.Name == "time a block").Value);
        var floors = cases.Sum(c => c.Figures.First(f => f.Name == "floor").Value);
        cases.Add(new BenchmarkCase("all parts",
            [
                Figure.Once("time a block", "us", Better.Lower, whole), Figure.Once("floor", "us", Better.None, floors),
                Figure.Once("time a tick", "ms", Better.Lower, whole * _config.Blocks / 1000),
            ], new Dictionary<string, IReadOnlyList<Point>>()));
        return cases;

        void Product(string name, long to, long from, int times, bool gelu = false)
        {
            using var scope = NewDisposeScope();
            var weights = Enumerable.Range(0, WeightSets).Select(_ => (Weight: Random(to, from), Bias: Random(to))).ToArray();
            var x = from == dim ? input : expanded;
            if (_config.Float8)
            {
                var given = _token.QuantiseRows(x, gelu: false);
                var layers = weights.Select(w => (Weight: Float8Rows.Of(w.Weight), w.Bias)).ToArray();
                // The card multiplies these twice as fast.
                Part(name, times, count * (from + 2.0 * to) + (double)from * to, 1.0 * count * from * to, i =>
                {
                    var (weight, bias) = layers[i % WeightSets];
                    Ops.Float8Linear(given.Values, given.Scales!, weight.Values, weight.Scales, bias, ScalarType.BFloat16).Dispose();
                });
                return;
            }
            Part(name, times, 2.0 * (count * (from + to) + from * to), 2.0 * count * from * to, i =>
            {
                var (weight, bias) = weights[i % WeightSets];
                (gelu ? Ops.LinearGelu(x, weight, bias) : Ops.Linear(x, weight, bias)).Dispose();
            });
        }

        static void Free(LayerInput made)
        {
            made.Values.Dispose();
            made.Scales?.Dispose();
        }

        void Part(string name, int times, double bytes, double operations, Action<int> launch)
        {
            log(name);
            var microseconds = Time(launch).Select(t => times * t).ToList();
            var floor = times * 1e6 * Math.Max(bytes / _copyRate, operations / _productRate);
            cases.Add(new BenchmarkCase(name,
                [
                    Figure.Of([.. microseconds.Select(m => Figure.Once("time a block", "us", Better.Lower, m))]),
                    Figure.Once("floor", "us", Better.None, floor),
                    Figure.Once("time a tick", "ms", Better.Lower, Distribution.Median(microseconds) * _config.Blocks / 1000),
                ], new Dictionary<string, IReadOnlyList<Point>>()));
        }
    }

    private void MeasureRates()
    {
        using var scope = NewDisposeScope();
        var from = empty([1L << 30], ScalarType.Byte, CUDA);
        var to = empty_like(from);
        _copyRate = 2.0 * (1L << 30) / Distribution.Median(Time(_ => to.copy_(from))) * 1e6;
        var a = Random(8192, 8192);
        _productRate = 2.0 * Math.Pow(8192, 3) / Distribution.Median(Time(_ => a.mm(a).Dispose())) * 1e6;
    }

    // Microseconds of one launch, as many times as there are runs: recorded, so that the host does not count.
    private List<double> Time(Action<int> launch)
    {
        launch(0);
        launch(1);
        cuda.synchronize();
        using var recording = _kernels.Record(() =>
        {
            for (var i = 0; i < Repetitions; i++)
                launch(i);
        }) ?? throw new CudaException(_kernels.WhyNotRecorded ?? "nothing was recorded");
        recording.Replay();
        cuda.synchronize();
        var times = new List<double>();
        for (var run = 0; run < Runs; run++)
        {
            var started = Stopwatch.GetTimestamp();
            for (var i = 0; i < Replays; i++)
                recording.Replay();
            cuda.synchronize();
            times.Add(Stopwatch.GetElapsedTime(started).TotalMicroseconds / (Repetitions * Replays));
        }
        return times;
    }

    private static Tensor Random(params long[] shape)
    {
        using var numbers = randn(shape, ScalarType.Float32, CUDA);
        return numbers.to_type(ScalarType.BFloat16).mul_(Models.Scalars.Of(0.05));
    }
}
