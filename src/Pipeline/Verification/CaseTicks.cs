using StreamDiff.Models.Diffusion;
using StreamDiff.Models.Wan;
using StreamDiff.Models.Wan.Layers;
using StreamDiff.Models.Weights;
using StreamDiff.Pipeline.Ranks;
using static TorchSharp.torch;

namespace StreamDiff.Pipeline.Verification;

/// <summary>
/// What runs the ticks of a case, as products have it: one device, or the ranks that were asked for, no more than the case has blocks.
/// </summary>
internal sealed class CaseTicks : IDisposable
{
    private readonly List<IDisposable> _owned = [];

    /// <param name="golden">The case.</param>
    /// <param name="weights">Transformer's weights; must outlive this.</param>
    public CaseTicks(GoldenCase golden, IWeightSource weights)
    {
        var config = DenoisingCases.ReadConfig(golden.Config.GetProperty("dit"));
        Queue = Own(new TickQueue(Own(golden.Ranks.Count > 1
            ? OpenRing(golden, weights, config)
            : (ITickRunner)new LocalTickRunner(Own(CausalWanModel.Load(config, .., weights, golden.Device, golden.Type))))));
    }

    public TickQueue Queue { get; }

    public void Dispose()
    {
        for (var i = _owned.Count - 1; i >= 0; i--)
            _owned[i].Dispose();
    }

    private RingTickRunner OpenRing(GoldenCase golden, IWeightSource weights, WanConfig config)
    {
        var devices = golden.Ranks.Take(config.Blocks).ToList();
        var directory = new LocalRanks();
        Own(new LocalRankThreads(
            [.. devices.Select(d => new RankModel(config, () => new SharedSource(weights), d, golden.Type))], directory));
        var ring = Own(new RankRing(
            new RankRingOptions { Blocks = config.Blocks }, [.. devices.Select((_, i) => LocalRankThreads.Address(i))], directory));
        ring.Form();
        return new RingTickRunner(ring);
    }

    private T Own<T>(T part)
        where T : IDisposable
    {
        _owned.Add(part);
        return part;
    }

    /// <summary>A source that others use as well: disposing it does nothing.</summary>
    private sealed class SharedSource(IWeightSource source) : IWeightSource
    {
        public string Description => source.Description;

        public IReadOnlyCollection<string> Names => source.Names;

        public long[]? ShapeOf(string name, long[] wanted) => source.ShapeOf(name, wanted);

        public Tensor Read(string name, long[] shape, Device device, ScalarType type) => source.Read(name, shape, device, type);

        public IDisposable? Hold() => source.Hold();

        public void Dispose()
        {
        }
    }
}
