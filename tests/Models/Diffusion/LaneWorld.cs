using StreamDiff.Models.Diffusion;
using StreamDiff.Models.KvCache;
using StreamDiff.Models.Tests.Wan;
using StreamDiff.Models.Wan;
using StreamDiff.Models.Wan.Layers;
using static TorchSharp.torch;

namespace StreamDiff.Models.Tests.Diffusion;

/// <summary>What a stream is to do, by chunk.</summary>
internal sealed record Script(
    Func<int, int> Steps, Func<int, int> Frames, Func<int, int> Prompt, Func<int, long?> Seed, Func<int, double?> SinkThreshold)
{
    public Func<int, int?> SinkFrames { get; init; } = _ => null;

    /// <summary>True keeps all steps of a chunk on one lane.</summary>
    public bool OnOneLane { get; init; }

    public static Script Of(Func<int, int> steps) => new(steps, c => c == 0 ? 2 : 1, c => c / 4 % 2, _ => null, _ => null);
}

/// <summary>A toy network, two prompts and a pool, and streams that are fed by scripts.</summary>
internal sealed class LaneWorld : IDisposable
{
    public const int Lanes = 12;
    private const int Chunks = 14;
    private static readonly double[] Timesteps = [700, 500, 400, 200];
    private readonly KeyRotation _rotation;
    private readonly double _threshold;
    private readonly IKeyedNoise _noise;
    private readonly LocalTickRunner _runner;

    // A high threshold lets sinks adapt often.
    public LaneWorld(KeyRotation rotation = KeyRotation.Relative, double threshold = 0.8, IKeyedNoise? noise = null,
        WanConfig? config = null)
    {
        (_rotation, _threshold, _noise) = (rotation, threshold, noise ?? new KeyedNoise(CPU));
        using var inference = inference_mode();
        Model = Toy.Model(config: config);
        Prompts = [Toy.Prompt(Model), Other(Model)];
        _runner = new LocalTickRunner(Model);
        Ticks = new TickQueue(_runner);
        Pool = _runner.CreatePool(Options(1), Lanes);
    }

    public CausalWanModel Model { get; }

    public PromptContext[] Prompts { get; }

    public LanePool Pool { get; }

    public TickQueue Ticks { get; }

    public static Tensor Noisy(int chunk, int frames) => Toy.Latents(frames, (ulong)(100 + chunk));

    public LaneStream Open(int steps, bool onOneLane = false) =>
        new(Ticks, Pool, Options(steps) with { OnOneLane = onOneLane }, _noise, 1);

    public float[][] RunAlone(Script script, LaneOrder order) => Run([script], order)[0];

    public float[][][] Run(Script[] scripts, LaneOrder order)
    {
        using var inference = inference_mode();
        var streams = Array.ConvertAll(scripts, s => Open(s.Steps(0), s.OnOneLane));
        var results = Array.ConvertAll(scripts, _ => new List<float[]>());
        while (Array.Exists(results, r => r.Count < Chunks))
        {
            for (var i = 0; i < streams.Length; i++)
                if (streams[i].NextChunk < Chunks && order.Admits(streams[i]))
                    Admit(streams[i], scripts[i]);
            if (order.Choose(streams) is { Count: > 0 } rows)
                Ticks.Run(rows);
            for (var i = 0; i < streams.Length; i++)
                while (streams[i].TryTake(out var number, out var clean))
                    using (clean)
                    {
                        Assert.Equal(results[i].Count, number);
                        results[i].Add(clean.data<float>().ToArray());
                    }
        }
        foreach (var stream in streams)
            stream.Dispose();
        return Array.ConvertAll(results, r => r.ToArray());
    }

    public void Dispose()
    {
        Pool.Dispose();
        Ticks.Dispose();
        _runner.Dispose();
        foreach (var prompt in Prompts)
            prompt.Dispose();
        Model.Dispose();
        (_noise as IDisposable)?.Dispose();
    }

    private DenoiserOptions Options(int steps) =>
        Toy.Options(1, _rotation, threshold: _threshold, refresh: 9) with { Timesteps = new double[steps] };

    private void Admit(LaneStream stream, Script script)
    {
        var chunk = (int)stream.NextChunk;
        using var noisy = Noisy(chunk, script.Frames(chunk));
        stream.Admit(noisy, new ChunkSettings(Prompts[script.Prompt(chunk)], Timesteps[..script.Steps(chunk)])
        {
            Seed = script.Seed(chunk),
            SinkThreshold = script.SinkThreshold(chunk),
            SinkFrames = script.SinkFrames(chunk),
        });
    }

    private static PromptContext Other(CausalWanModel model)
    {
        using var generator = new Generator(6);
        using var embeddings = randn([1, 8, 16], generator: generator);
        return model.EncodePrompt(embeddings);
    }
}

internal static class TickQueueExtensions
{
    /// <summary>Issues a tick and takes its result.</summary>
    public static void Run(this TickQueue ticks, IReadOnlyList<(LaneStream Stream, ReadyRow Row)> rows)
    {
        ticks.Issue(rows);
        Assert.True(ticks.Collect(wait: true));
    }
}

/// <summary>Which rows of those ready run next, and when the next chunk is admitted.</summary>
internal sealed class LaneOrder(Func<LaneStream, bool> admits,
    Func<IReadOnlyList<(LaneStream Stream, ReadyRow Row)>, IEnumerable<(LaneStream Stream, ReadyRow Row)>> choose)
{
    public static LaneOrder Sequential { get; } = new(s => s.InFlight == 0, rows => rows.Take(1));

    public static LaneOrder StreamBatch { get; } = new(
        s => s.Ready.All(r => r.Step > 0), rows => rows.Where(r => r.Row.Frames == rows[0].Row.Frames));

    public static LaneOrder Random(int seed)
    {
        var random = new Random(seed);
        return new LaneOrder(
            s => s.InFlight < 6 && random.Next(2) == 0,
            rows => rows.Where(r => r.Row.Frames == rows[0].Row.Frames && random.Next(3) > 0).OrderBy(_ => random.Next()));
    }

    /// <summary>Runs all that is in flight.</summary>
    public static void Finish(TickQueue ticks, LaneStream stream)
    {
        while (stream.Ready is { Count: > 0 } ready)
            ticks.Run([(stream, ready[0])]);
    }

    public bool Admits(LaneStream stream) => admits(stream);

    public IReadOnlyList<(LaneStream Stream, ReadyRow Row)> Choose(LaneStream[] streams)
    {
        (LaneStream, ReadyRow)[] ready = [.. streams.SelectMany(s => s.Ready.Select(r => (s, r)))];
        return ready.Length == 0 ? [] : [.. choose(ready)];
    }
}
