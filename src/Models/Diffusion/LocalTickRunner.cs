using StreamDiff.Models.Cuda;
using StreamDiff.Models.KvCache;
using StreamDiff.Models.Loras;
using StreamDiff.Models.Native;
using StreamDiff.Models.Wan;
using StreamDiff.Models.Wan.Layers;
using static TorchSharp.torch;

namespace StreamDiff.Models.Diffusion;

/// <summary>
/// Ticks on one device of this process. Issuing hands the work to the device and waits no more than the network itself does, so one tick is
/// in flight at most.
/// </summary>
/// <param name="model">Holds all blocks; stays the caller's.</param>
public sealed class LocalTickRunner(CausalWanModel model) : ITickRunner
{
    private readonly Dictionary<double, FlowMatchSchedule> _schedules = [];
    private Tensor? _clean;

    public Device Device => model.Device;

    public int MostInFlight => 1;

    /// <summary>Never called: what was issued can be collected at once.</summary>
    public Action? Progress { get; set; }

    /// <exception cref="ModelException">There is no room for it.</exception>
    public LanePool CreatePool(DenoiserOptions shape, int lanes)
    {
        var (geometry, config) = (shape.Geometry, model.Config);
        // On a GPU its own allocator says what it has no room for.
        var bytes = KvCachePool.BytesOf(
            config, model.FirstBlock..(model.FirstBlock + model.BlockCount), lanes, geometry, shape.Rotation,
            model.Type == ScalarType.Float32 ? sizeof(float) : sizeof(short));
        if (model.Device.type == TorchSharp.DeviceType.CPU || (long)geometry.WindowFrames * geometry.FrameTokens > int.MaxValue)
            HostMemory.Require(
                bytes < long.MaxValue ? (long)bytes : long.MaxValue,
                $"a KV cache of {geometry.WindowFrames} latent frames and {lanes} lanes");
        return new LocalLanePool(model, shape, lanes);
    }

    public IPrompt Encode(Tensor embeddings, LoraStrengths? loras = null)
    {
        model.UseLoras(loras);
        return model.EncodePrompt(embeddings);
    }

    public void Issue(TickWork tick)
    {
        if (_clean is not null)
            throw new InvalidOperationException("the tick before has not been collected");
        using var scope = NewDisposeScope();
        var pool = (LocalLanePool)tick.Pool;
        model.UseLoras(tick.Loras);
        if (!_schedules.TryGetValue(pool.Shape.Shift, out var schedule))
            _schedules[pool.Shape.Shift] = schedule = new FlowMatchSchedule(pool.Shape.Shift);
        _clean = model.Forward(tick.Latents, TickOf(tick), pool.Cache, flow => schedule.Denoise(tick.Latents, flow, tick.Timesteps))
            .DetachFromDisposeScope();
    }

    public Tensor? Collect(bool wait) => Interlocked.Exchange(ref _clean, null);

    /// <exception cref="ModelException">The device failed.</exception>
    public IDeviceMark? Mark() => IDeviceMark.After(Device);

    public void Dispose() => _clean?.Dispose();

    private static Tick TickOf(TickWork work) => new()
    {
        Rows = work.Rows,
        Timesteps = work.Timesteps,
        Frames = (int)work.Latents.size(1),
        GridRows = work.Pool.Shape.GridRows,
        GridColumns = work.Pool.Shape.GridColumns,
        Prompts = Array.ConvertAll(work.Prompts, p => (PromptContext)p),
    };
}

/// <summary>Lanes in the caches of one device.</summary>
internal sealed class LocalLanePool(CausalWanModel model, DenoiserOptions shape, int lanes) : LanePool(shape, lanes)
{
    public KvCachePool Cache { get; } = model.CreateCache(lanes, shape.Geometry, shape.Rotation, rollsByFrame: !shape.AsPublished);

    public override long Bytes => Cache.Bytes;

    public override KvCachePool Caches => Cache;

    public override void Copy(int from, int to) => Cache.CopyLane(from, to);

    public override SavedLane? Save(int lane) => Cache.SaveLane(lane);

    public override void Load(int lane, SavedLane saved) => Cache.LoadLane(lane, saved);

    public override void Dispose() => Cache.Dispose();

    protected override void Clear(int lane) => Cache.ClearLane(lane);
}
