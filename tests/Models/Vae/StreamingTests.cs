using StreamDiff.Models.Vae;
using StreamDiff.Models.Weights;
using TorchSharp;
using static TorchSharp.torch;

namespace StreamDiff.Models.Tests.Vae;

public sealed class StreamingTests
{
    public static TheoryData<string> Kinds() => ["taehv", "taehv of squares", "wan"];

    [Theory]
    [MemberData(nameof(Kinds))]
    public void Encode_InAnyChunks_EqualsTheWholeClip(string kind)
    {
        using var inference = inference_mode();
        using var scope = NewDisposeScope();
        using var vae = Open(kind);
        var clip = Clip(17);
        using var whole = vae.OpenEncoder();
        var expected = whole.Encode(clip);
        foreach (var cuts in (int[][])[[1, 4, 4, 4, 4], [5, 12], [9, 4, 4], [13, 4]])
        {
            using var encoder = vae.OpenEncoder();
            Near(expected, InChunks(clip, cuts, encoder.Encode));
        }
    }

    [Theory]
    [InlineData("taehv")]
    [InlineData("taehv of squares")]
    public void Encode_AfterPicturesThatWerePrepared_OrForgotten_IsTheSameBitForBit(string kind)
    {
        using var inference = inference_mode();
        using var scope = NewDisposeScope();
        using var vae = Open(kind);
        Assert.True(vae.TakesPictures);
        var clip = Clip(21);
        using var whole = vae.OpenEncoder();
        using var encoder = vae.OpenEncoder();
        (int, int, int[])[] chunks = [(0, 5, [1, 1, 1, 1]), (5, 4, [1, 1, 1]), (9, 4, [2]), (13, 8, [3, 2])];
        foreach (var (at, count, prepared) in chunks)
        {
            // Others came first, and then did not belong to the chunk.
            for (var i = 1; i <= 3; i++)
                encoder.Prepare(Clip(i));
            encoder.Discard();
            var done = 0;
            foreach (var pictures in prepared)
            {
                encoder.Prepare(clip.narrow(1, at + done, pictures));
                done += pictures;
            }
            var expected = whole.Encode(clip.narrow(1, at, count));
            var actual = encoder.Encode(clip.narrow(1, at + done, count - done));
            Assert.True(expected.equal(actual).all().item<bool>(), $"from picture {at} on");
        }
    }

    [Theory]
    [MemberData(nameof(Kinds))]
    public void Decode_InAnyChunks_EqualsTheWholeClip(string kind)
    {
        using var inference = inference_mode();
        using var scope = NewDisposeScope();
        using var vae = Open(kind);
        var latents = randn([1, 5, 16, 3, 2]);
        using var whole = vae.OpenDecoder();
        var expected = whole.Decode(latents);
        Assert.Equal(17, expected.size(1));
        foreach (var cuts in (int[][])[[1, 1, 1, 1, 1], [2, 3], [4, 1]])
        {
            using var decoder = vae.OpenDecoder();
            Near(expected, InChunks(latents, cuts, decoder.Decode));
        }
    }

    [Theory]
    [MemberData(nameof(Kinds))]
    public void DecodeInParts_EqualsTheWholeClip(string kind)
    {
        using var inference = inference_mode();
        using var scope = NewDisposeScope();
        using var vae = Open(kind);
        var latents = randn([1, 5, 16, 3, 2]);
        using var whole = vae.OpenDecoder();
        var expected = whole.Decode(latents);
        using var decoder = vae.OpenDecoder();
        var parts = new List<Tensor>();
        foreach (var (start, length) in ((long, long)[])[(0, 1), (1, 3), (4, 1)])
            decoder.DecodeInParts(latents.narrow(1, start, length), part => parts.Add(part.clone().DetachFromDisposeScope()));
        // The tiny one gives every frame as soon as it is there.
        Assert.Equal(kind.StartsWith("taehv", StringComparison.Ordinal) ? 17 : 3, parts.Count);
        Near(expected, cat([.. parts], 1));
    }

    [Theory]
    [MemberData(nameof(Kinds))]
    public void TwoStreams_OnOneSetOfWeights_DoNotMix(string kind)
    {
        using var inference = inference_mode();
        using var scope = NewDisposeScope();
        using var vae = Open(kind);
        var (a, b) = (Clip(9), Clip(9));
        using var alone = vae.OpenEncoder();
        var expected = alone.Encode(a);
        using var first = vae.OpenEncoder();
        using var second = vae.OpenEncoder();
        var head = first.Encode(a.narrow(1, 0, 5));
        second.Encode(b.narrow(1, 0, 5));
        Near(expected, cat([head, first.Encode(a.narrow(1, 5, 4))], 1));
    }

    [Theory]
    [MemberData(nameof(Kinds))]
    public void Reset_ThenAgain_EqualsAFreshStream(string kind)
    {
        using var inference = inference_mode();
        using var scope = NewDisposeScope();
        using var vae = Open(kind);
        var latents = randn([1, 2, 16, 2, 2]);
        using var decoder = vae.OpenDecoder();
        var expected = decoder.Decode(latents);
        decoder.Decode(latents);
        decoder.Reset();
        Near(expected, decoder.Decode(latents));
    }

    [Theory]
    [InlineData("taehv", 4, 16)]
    [InlineData("wan", 7, 16)]
    [InlineData("wan", 5, 20)]
    public void Encode_WrongFramesOrSize_SaysTheNumber(string kind, int frames, int side)
    {
        using var vae = Open(kind);
        using var encoder = vae.OpenEncoder();
        using var clip = zeros([1, frames, 3, side, 16]);
        var wrong = side == 16 ? frames : side;
        Assert.Contains(wrong.ToString(System.Globalization.CultureInfo.InvariantCulture),
            Assert.Throws<ArgumentException>(() => encoder.Encode(clip)).Message, StringComparison.Ordinal);
    }

    [Theory]
    [MemberData(nameof(Kinds))]
    public void Decode_BFloat16_LiesNearFloat32(string kind)
    {
        using var inference = inference_mode();
        using var scope = NewDisposeScope();
        using var exact = Open(kind);
        using var coarse = Open(kind, ScalarType.BFloat16);
        var latents = randn([1, 2, 16, 2, 2]);
        using var a = exact.OpenDecoder();
        using var b = coarse.OpenDecoder();
        var (expected, actual) = (a.Decode(latents), b.Decode(latents));
        Assert.True(((expected - actual).abs().mean() / expected.abs().mean()).item<float>() < 0.05);
    }

    private static IVae Open(string kind, ScalarType type = ScalarType.Float32) => kind.StartsWith("taehv", StringComparison.Ordinal)
        ? Taehv.Load(new TaehvConfig
        {
            EncoderWidths = [8, 8, 8, 8],
            DecoderWidths = [16, 8, 8, 8],
            PatchSize = kind == "taehv" ? 1 : 2,
        }, new RandomWeightSource(2), CPU, type)
        : WanVae.Load(new WanVaeConfig { Dim = 8 }, new RandomWeightSource(2), CPU, type);

    private static Tensor Clip(int frames) => rand([1, frames, 3, 24, 16]).mul_(Scalars.Of(2)).sub_(Scalars.One);

    private static Tensor InChunks(Tensor clip, int[] cuts, Func<Tensor, Tensor> run)
    {
        var parts = new List<Tensor>();
        var at = 0;
        foreach (var count in cuts)
        {
            parts.Add(run(clip.narrow(1, at, count)));
            at += count;
        }
        return cat(parts, 1);
    }

    private static void Near(Tensor expected, Tensor actual)
    {
        Assert.Equal(expected.shape, actual.shape);
        Assert.True((expected - actual).abs().max().item<float>() < 1e-4 * (1 + expected.abs().max().item<float>()));
    }
}
