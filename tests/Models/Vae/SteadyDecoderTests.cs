using StreamDiff.Models.Vae;
using static TorchSharp.torch;

namespace StreamDiff.Models.Tests.Vae;

public sealed class SteadyDecoderTests
{
    private const float Step = 2 / 255f;

    [Fact]
    public void Decode_SmallChanges_AreHeldBackAndFollowedSlowly()
    {
        // Up and down by half a step: what shimmers.
        var shown = Decode([.. Enumerable.Range(0, 24).Select(i => i % 2 == 0 ? 0.25f * Step : -0.25f * Step)]);
        var (given, held) = (0.5f * Step, shown.Zip(shown.Skip(1), (a, b) => Math.Abs(b - a)).Max());
        Assert.InRange(held, 0, 0.15f * given);

        // A step that stays is there after some frames.
        Assert.Equal(Step, Decode([0, .. Enumerable.Repeat(Step, 60)])[^1], 0.01f * Step);
    }

    [Fact]
    public void Decode_LargeChanges_PassAtOnce()
    {
        float[] wanted = [0, 6 * Step, -0.5f, 0.9f];
        Assert.All(Decode(wanted).Zip(wanted), p => Assert.Equal(p.Second, p.First, 1e-5f));
    }

    // A texture in motion: its small changes belong to its large ones. Ten pixels further nothing moves.
    [Fact]
    public void Decode_SmallChangesAmongLargeOnes_PassAtOnceAndThoseFarFromThemAreHeldBack()
    {
        using var scope = NewDisposeScope();
        var next = zeros([1, 1, 3, 8, 24]);
        next[.., .., .., .., ..8] = 12 * Step;
        next[.., .., .., 4, 4] = Step;
        next[.., .., .., 4, 20] = Step;
        using var steady = new SteadyDecoder(new Pictures(zeros_like(next), next), 4);
        steady.Decode(empty(0)).Dispose();
        var shown = steady.Decode(empty(0));
        Assert.Equal(Step, shown[0, 0, 0, 4, 4].item<float>(), 1e-6f);
        Assert.InRange(shown[0, 0, 0, 4, 20].item<float>(), 0, 0.15f * Step);
    }

    [Fact]
    public void Decode_SlowFade_IsTrailedByLessThanTheLimit()
    {
        float[] wanted = [.. Enumerable.Range(0, 80).Select(i => i * Step)];
        Assert.All(Decode(wanted).Zip(wanted), p => Assert.InRange(p.Second - p.First, -1e-5f, 6 * Step));
    }

    [Fact]
    public void Reset_TheNextPictureIsAFirstOne()
    {
        using var steady = new SteadyDecoder(Values([0f], [Step]), 6);
        steady.Decode(empty(0)).Dispose();
        steady.Reset();
        using var frame = steady.Decode(empty(0));
        Assert.Equal(Step, frame[0, 0, 0, 0, 0].item<float>(), 1e-6f);
    }

    // Chunks of one, two and three frames: where a chunk ends makes no difference.
    private static List<float> Decode(float[] values)
    {
        var chunks = new List<float[]>();
        for (var at = 0; at < values.Length; at += chunks[^1].Length)
            chunks.Add([.. values.Skip(at).Take(1 + chunks.Count % 3)]);
        var shown = new List<float>();
        using (var steady = new SteadyDecoder(Values([.. chunks]), 6))
            foreach (var chunk in chunks)
            {
                using var frames = steady.Decode(empty(0));
                using var pixels = frames[0, .., 0, 0, 0].contiguous();
                shown.AddRange(pixels.data<float>().ToArray());
            }
        Assert.Equal(values.Length, shown.Count);
        return shown;
    }

    // Of one pixel.
    private static Pictures Values(params float[][] chunks) =>
        new([.. chunks.Select(c => tensor(c).view(1, -1, 1, 1, 1).expand(-1, -1, 3, -1, -1))]);

    private sealed class Pictures(params Tensor[] chunks) : IVaeDecoder
    {
        private int _next;

        public Tensor Decode(Tensor latents) => chunks[_next++].clone();

        public void Reset()
        {
        }

        public void Dispose()
        {
        }
    }
}
