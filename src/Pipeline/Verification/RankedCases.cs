using System.Text.Json;
using StreamDiff.Models.Weights;
using StreamDiff.Pipeline.Ranks;
using TorchSharp;
using static TorchSharp.torch;

namespace StreamDiff.Pipeline.Verification;

/// <summary>Denoising cases through a ring of ranks: every row of every tick against the recording, which was made on one rank.</summary>
internal static class RankedCases
{
    public static void Replay(GoldenCase golden, Comparison compare, bool batch)
    {
        using var ring = new CaseRing(golden, golden.Weights);
        using var noise = new RecordedNoise(golden);
        var options = DenoisingCases.ReadOptions(golden.Config);
        using var denoiser = new RingDenoiser(ring.Ring, noise, options, batch);
        denoiser.SendPrompt(0, golden.Tensor("prompt_embeds").cpu());

        noise.Expect(golden.Facts, "prepare_draws");
        compare.Tensors("prepare", golden.Tensor("prepare_out"), denoiser.Prepare(golden.Tensor("prepare_noisy").cpu()));

        var rows = 0;
        denoiser.Row = (tick, row, latents) =>
        {
            rows++;
            compare.Tensors($"step_{tick:d3} row {row}", golden.Tensor($"step_{tick:d3}.out").narrow(0, row, 1), latents);
        };
        var index = 0;
        foreach (var step in golden.Facts.GetProperty("steps").EnumerateArray())
        {
            using var scope = NewDisposeScope();
            var name = $"step_{index++:d3}";
            noise.Expect(step, "noise_draws");
            denoiser.Feed(golden.Tensor($"{name}.noisy").cpu(), step.Needs("start_frame"), step.Number("first_timestep"));
            if (!batch)
                compare.Tensors(name, golden.Tensor($"{name}.out"), denoiser.TakeFinished()!);
        }
        while (denoiser.Drain())
        {
        }
        if (batch)
            compare.Exactly("rows", [index * options.Timesteps.Count], [rows]);
    }
}

/// <summary>The ranks that a case asks for, no more than it has blocks, and a ring of them.</summary>
internal sealed class CaseRing : IDisposable
{
    private readonly LocalRankThreads _threads;

    /// <param name="golden">The case.</param>
    /// <param name="weights">Transformer's weights; must outlive the ring.</param>
    public CaseRing(GoldenCase golden, IWeightSource weights)
    {
        var config = DenoisingCases.ReadConfig(golden.Config.GetProperty("dit"));
        var devices = golden.Ranks.Take(config.Blocks).ToList();
        var directory = new LocalRanks();
        _threads = new LocalRankThreads([.. devices.Select(d => new RankModel(config, () => new SharedSource(weights), d, golden.Type))], directory);
        Ring = new RankRing(new RankRingOptions { Blocks = config.Blocks }, [.. devices.Select((_, i) => LocalRankThreads.Address(i))], directory);
        Ring.Form();
    }

    public RankRing Ring { get; }

    public void Dispose()
    {
        Ring.Dispose();
        _threads.Dispose();
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
