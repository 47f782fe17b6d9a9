using StreamDiff.Models.Cuda;
using StreamDiff.Models.KvCache;
using StreamDiff.Models.Wan.Layers;
using TorchSharp;
using static TorchSharp.torch;

namespace StreamDiff.Models.Wan.Fused;

/// <summary>The ticks of one network with own kernels, on all its pools.</summary>
internal sealed class FusedTicks : IDisposable
{
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
        if (device.type == DeviceType.CUDA && config.HeadDim % 2 != 0)
        {
            statistics.WhyNoKernels = "heads of odd width";
            return null;
        }
        var kernels = KernelChoice.Create(device, type, TokenKernels.Source,
            () => TokenKernels.Macros(config, type, CudaKernels.ThreadsOfBlock), out var whyNot);
        statistics.WhyNoKernels = whyNot;
        return kernels is null ? null : new FusedTicks(kernels, config, device, type, statistics);
    }

    /// <summary>Runs a tick, whose tokens are overwritten; false, counted with its reason, where it is one for ATen.</summary>
    public bool TryRun(
        Tensor tokens, (int Rows, int Columns) grid, TickPlan plan, Tensor modulation, long[] firstFrames, KvCachePool pool,
        RowPrompts prompts, IReadOnlyList<WanBlock> blocks)
    {
        if (WhyNot(plan, pool) is { } reason)
        {
            Statistics.CountOtherwise(reason);
            return false;
        }
        if (!_space.TryGetValue(grid, out var space))
            _space[grid] = space = _rotary.Places(grid.Rows, grid.Columns, _device).DetachFromDisposeScope();
        var ticks = (PoolTicks)(pool.Ticks ??= new PoolTicks(_token, pool, _config, _device, _type, Statistics));
        ticks.Run(tokens, plan, modulation, firstFrames, _rotary, space, prompts, blocks);
        Statistics.WhyNotRecorded = _kernels.WhyNotRecorded;
        return true;
    }

    public void Dispose()
    {
        foreach (var space in _space.Values)
            space.Dispose();
        _kernels.Dispose();
    }

    private static string? WhyNot(TickPlan plan, KvCachePool pool)
    {
        var geometry = pool.Geometry;
        if (geometry.SinkFrames > TokenKernels.MostSinks)
            return $"more than {TokenKernels.MostSinks} sinks";
        if (plan.Tokens % geometry.FrameTokens != 0 || Array.Exists(plan.Steps, s => s.LocalEnd % geometry.FrameTokens != 0))
            return "chunks of broken frames";
        if (plan.Streaming is { HoldsChunks: false })
            return "chunks longer than streaming heads keep";
        return null;
    }
}
