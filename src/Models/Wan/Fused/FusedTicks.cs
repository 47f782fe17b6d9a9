using StreamDiff.Models.Cuda;
using StreamDiff.Models.KvCache;
using StreamDiff.Models.Wan.Layers;
using TorchSharp;
using static TorchSharp.torch;

namespace StreamDiff.Models.Wan.Fused;

/// <summary>The ticks of one network with own kernels, on all its pools.</summary>
internal sealed class FusedTicks : IDisposable
{
    /// <summary>
    /// Environment variable: <c>aten</c> uses operators of ATen only, <c>kernels</c> own kernels without recording ticks as graphs; by
    /// default both are used where the device has them.
    /// </summary>
    public const string Variable = "STREAMDIFF_CUDA";

    private readonly IKernels _kernels;
    private readonly TokenKernels _token;
    private readonly WanConfig _config;
    private readonly Device _device;
    private readonly ScalarType _type;
    private readonly RotaryEmbedding3D _rotary;
    private readonly Dictionary<(int Rows, int Columns), Tensor> _space = [];

    public FusedTicks(IKernels kernels, WanConfig config, Device device, ScalarType type, TickStatistics statistics)
    {
        (_kernels, _config, _device, _type, Statistics) = (kernels, config, device, type, statistics);
        _token = new TokenKernels(kernels, config);
        _rotary = new RotaryEmbedding3D(config.HeadDim);
        statistics.WhyNotRecorded = kernels.WhyNotRecorded;
    }

    public TickStatistics Statistics { get; }

    /// <summary>Own kernels for a network on a device; null, with the reason in the statistics, where there are none.</summary>
    public static FusedTicks? Create(WanConfig config, Device device, ScalarType type, TickStatistics statistics)
    {
        if (device.type != DeviceType.CUDA)
        {
            statistics.WhyNoKernels = "the device is not CUDA";
            return null;
        }
        var choice = Environment.GetEnvironmentVariable(Variable);
        if (choice is not (null or "" or "aten" or "kernels" or "graphs"))
            throw new ModelException($"{Variable}={choice} is unknown: use aten, kernels or graphs");
        try
        {
            statistics.WhyNoKernels = choice == "aten" ? $"{Variable}=aten" : WhyNot(config, type);
            return statistics.WhyNoKernels is not null
                ? null
                : new FusedTicks(
                    new CudaKernels(Math.Max(device.index, 0), TokenKernels.Source,
                        TokenKernels.Macros(config, type, CudaKernels.ThreadsOfBlock), choice != "kernels"),
                    config, device, type, statistics);
        }
        catch (CudaException e)
        {
            statistics.WhyNoKernels = e.Message;
            return null;
        }
    }

    /// <summary>Runs a tick; null, counted with its reason, where it is one for ATen.</summary>
    public Tensor? Run(
        Tensor tokens, (int Rows, int Columns) grid, TickPlan plan, Tensor modulation, long[] firstFrames, KvCachePool pool,
        RowPrompts prompts, IReadOnlyList<WanBlock> blocks)
    {
        if (WhyNot(plan, pool) is { } reason)
        {
            Statistics.CountOtherwise(reason);
            return null;
        }
        if (!_space.TryGetValue(grid, out var space))
            _space[grid] = space = _rotary.Places(grid.Rows, grid.Columns, _device).DetachFromDisposeScope();
        var ticks = (PoolTicks)(pool.Ticks ??= new PoolTicks(_token, pool, _config, _device, _type, Statistics));
        var result = ticks.Run(tokens, plan, modulation, firstFrames, _rotary, space, prompts, blocks);
        Statistics.WhyNotRecorded = _kernels.WhyNotRecorded;
        return result;
    }

    public void Dispose()
    {
        foreach (var space in _space.Values)
            space.Dispose();
        _kernels.Dispose();
    }

    private static string? WhyNot(WanConfig config, ScalarType type) =>
        type is not (ScalarType.BFloat16 or ScalarType.Float32) ? $"no kernels for {type}"
        : config.HeadDim % 2 != 0 ? "heads of odd width"
        : null;

    private static string? WhyNot(TickPlan plan, KvCachePool pool)
    {
        var geometry = pool.Geometry;
        if (geometry.SinkFrames > TokenKernels.MostSinks)
            return $"more than {TokenKernels.MostSinks} sinks";
        if (plan.Tokens % geometry.FrameTokens != 0 || Array.Exists(plan.Steps, s => s.LocalEnd % geometry.FrameTokens != 0))
            return "chunks of broken frames";
        if (geometry.Adaptive && !plan.ChecksSinks && WritesSinks(plan, geometry))
            return "sinks written without being compared";
        return null;
    }

    private static bool WritesSinks(TickPlan plan, CacheGeometry geometry)
    {
        for (var row = 0; row < plan.Rows.Length; row++)
            for (var block = 0; block < plan.WriteEnds.Length; block++)
            {
                if (plan.FrameEnds?[block][row] is { } ends
                    ? Array.Exists(ends, end => end <= geometry.SinkTokens)
                    : plan.WriteEnds[block][row] - plan.Tokens < geometry.SinkTokens)
                    return true;
            }
        return false;
    }
}
