using StreamDiff.Models.Diffusion;
using StreamDiff.Models.Loras;
using StreamDiff.Models.Wan;
using StreamDiff.Pipeline.Ranks;
using StreamDiff.Scheduling.Placement;
using StreamDiff.Testing;
using static TorchSharp.torch;

namespace StreamDiff.Pipeline.Tests.Ranks;

/// <summary>Strengths of LoRAs on ranks: at the same chunk everywhere, also of blocks that move, and anew with a new ring.</summary>
public sealed class RingLoraTests : IDisposable
{
    private readonly TestFolder _folder = new();
    private readonly LoraSet _loras;

    public RingLoraTests()
    {
        using var scope = NewDisposeScope();
        var shapes = CausalWanModel.Shapes(ToyRing.Config);
        LoraFiles.Write(_folder.File("ink.safetensors"), LoraSpellings.Peft, shapes, seed: 1);
        LoraFiles.Write(_folder.File("wash.safetensors"), LoraSpellings.Kohya, shapes, seed: 2);
        _loras = LoraSet.Open(
            [new LoraChoice(_folder.File("ink.safetensors"), 0.5), new LoraChoice(_folder.File("wash.safetensors"), 0)], shapes,
            isLive: true);
    }

    public void Dispose()
    {
        _loras.Dispose();
        _folder.Dispose();
    }

    [Fact]
    public void Ring_StrengthsChangeAndBlocksMove_GivesWhatOneRankGives()
    {
        BlockRange[][] spreads = [[new(0, 2), new(2, 6)], [new(0, 4), new(4, 6)], [new(0, 3), new(3, 6)]];
        var (options, model) = (ToyRing.Options(2), ToyRing.Model with { Loras = _loras });
        var expected = OneRank(model, options, Strengths);
        Assert.True(ToyRing.Distance(OneRank(model, options, _ => _loras.Strengths), expected) > 0.01);
        var (ring, threads) = ToyRing.Local(2, model: model);
        using (threads)
        using (ring)
        using (inference_mode())
        {
            var moves = 0;
            using (var runner = new RingTickRunner(ring))
                Assert.InRange(ToyRing.Distance(expected, ToyRing.Run(runner, options, 30, int.MaxValue, chunk =>
                {
                    if (chunk > 3 && !ring.IsMoving)
                        ring.Move(spreads[moves++ % spreads.Length]);
                }, Strengths)), 0, 1e-5);
            Assert.True(moves > 1);
            // The next ring begins with what was asked for at loading, whatever the one before has come to.
            ring.Form();
            using var next = new RingTickRunner(ring);
            Assert.InRange(
                ToyRing.Distance(OneRank(model, options, _ => _loras.Strengths), ToyRing.Run(next, options, 30, int.MaxValue, null)),
                0, 1e-5);
        }
    }

    private LoraStrengths Strengths(int chunk) => _loras.Strengths.With([chunk % 5 < 2 ? 0.5 : -0.3, chunk < 20 ? 0 : 0.7]);

    private static Tensor[] OneRank(RankModel model, DenoiserOptions options, Func<int, LoraStrengths> loras)
    {
        using var inference = inference_mode();
        using var whole = model.Load(0, ToyRing.Config.Blocks);
        using var runner = new LocalTickRunner(whole);
        return ToyRing.Run(runner, options, 30, int.MaxValue, null, loras);
    }
}
